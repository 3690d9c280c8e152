// Retry journal
//
// What a new run goes on from where one has faulted: its journal without what failed, so that this is done again.
//
//   Y1. Nothing that was completed is done again, but the last step, where its own task made an error of what it gave, or where the
//       document did and asking once more changes nothing outside.
//   Y2. What was undone is not gone on with: the work that its later steps stand on is not there any more.

import type { Command } from './command.ts'
import type { Entry } from './entry.ts'
import { Machine, type Surroundings } from './machine.ts'
import type { Program } from './program.ts'
import { referenceOf } from './reference-of.ts'

export type RetryJournal =
  | { readonly ok: true; readonly entries: readonly Entry[] }
  | { readonly ok: false; readonly reason: string }

export function retryJournal(
  program: Program,
  journal: readonly Entry[],
  surroundings: Surroundings,
): RetryJournal {
  const { steps, failed } = workOut(program, journal, surroundings)
  const place = decidingStep(steps, journal.length - 1)
  const [step, outcome] = [steps[place], journal[place]]
  if (step == null || outcome === undefined)
    return no('its input made it fail: start it with another one')
  const isLast = steps.every((_, at) => at <= place || decidingStep(steps, at) === place)
  const { key } = step.command
  const isFailed = isFailure(outcome)
  if (!isFailed && /\/undo\/\d+\//.test(key)) return no('it was undone: fork it from a task') // Y2
  if (!isLast) return no(`other steps were done after ${key}: fork it from there`)
  if (!isFailed && referenceOf(key) !== failed && !isHarmless(step.command)) {
    return no(
      `no step failed, the document did, at ${failed}: fork it from ${key} to do that again`,
    )
  }
  // Y1
  return { ok: true, entries: journal.filter((entry, at) => at < place || !('key' in entry)) }
}

/** A step that failed, or a limit of time that passed: again it has all the time that it had. */
function isFailure(entry: Entry): boolean {
  return entry.kind === 'failed' || (entry.kind === 'completed' && entry.key.endsWith('!timeout'))
}

type Asked = Extract<Command, { readonly key: string }>

/** What an entry is the outcome of; null: of nothing that was asked for. */
type Step = { readonly command: Asked; readonly askedBy: number } | null

interface Worked {
  readonly steps: readonly Step[]
  /** The task that made the run fail, as a JSON Pointer. */
  readonly failed: string
}

function workOut(program: Program, journal: readonly Entry[], surroundings: Surroundings): Worked {
  let failed: string | null = null // of the newest entry, the first one
  const machine = new Machine(program, {
    ...surroundings,
    trace: ({ kind, reference }) => {
      if (kind === 'faulted') failed ??= reference
    },
  })
  const asked = new Map<string, NonNullable<Step>>()
  const steps = journal.map((entry, askedBy): Step => {
    failed = null
    for (const command of machine.apply(entry)) {
      if (command.kind === 'cancel' || command.kind === 'end') continue
      asked.set(command.key, { command, askedBy })
    }
    return null
  })
  for (const [at, entry] of journal.entries()) {
    if ('key' in entry) steps[at] = asked.get(entry.key) ?? null
  }
  return { steps, failed: failed ?? '' }
}

/** What follows from the document alone was decided by the step before it. */
function decidingStep(steps: readonly Step[], at: number): number {
  const step = steps[at]
  if (step == null) return at
  const { kind, key } = step.command
  const isPlain = kind === 'complete' || (kind === 'wait' && !key.endsWith('!timeout'))
  return isPlain ? decidingStep(steps, step.askedBy) : at
}

/** Whether asking once more changes nothing but what is known. */
function isHarmless(command: Asked): boolean {
  if (command.kind !== 'act') return true
  const { action } = command
  if (action.type === 'function') return askedOf.includes(action.name)
  if (action.type === 'need-assets') return true
  if (action.type !== 'call' || action.protocol !== 'http') return false
  const { method = 'get' } = { ...Object(action.arguments) }
  return ['get', 'head', 'options'].includes(String(method).toLowerCase())
}

const askedOf = ['tutti.human', 'tutti.infer', 'tutti.embed']

function no(reason: string): RetryJournal {
  return { ok: false, reason }
}
