// Agree up to
//
// Whether a run that began with one document can go on with another: whether all that has happened in it would have
// happened in the same way, and what it waits for now is the same.
//
//   U1. Both documents, worked out over the journal, tell of the same tasks and ask for the same after each entry.
//   U2. A task that has ended is written in both in the same way: what it would be undone with counts, too.

import { canonicalJson, type Json } from '../../resource/index.ts'
import { asJson } from './as-json.ts'
import type { Command } from './command.ts'
import type { Entry } from './entry.ts'
import type { Happening } from './happening.ts'
import { Machine, type Surroundings } from './machine.ts'
import type { Program } from './program.ts'
import { referenceOf } from './reference-of.ts'

export type Agreement =
  /** The machine stands where the journal ends, with the document to go on with. */
  | { readonly agrees: true; readonly machine: Machine }
  /** `task` is the first one that differs, as a JSON Pointer into the document. */
  | { readonly agrees: false; readonly task: string; readonly reason: string }

export function agreeUpTo(
  before: Program,
  after: Program,
  journal: readonly Entry[],
  surroundings: Surroundings,
): Agreement {
  const [old, next] = [watch(before, surroundings), watch(after, surroundings)]
  for (const entry of journal) {
    const difference = compare(old.apply(entry), next.apply(entry), { before, after })
    if (difference !== null) return { agrees: false, ...difference }
  }
  next.machine.tellTo(null)
  return { agrees: true, machine: next.machine }
}

interface Step {
  readonly happenings: readonly Happening[]
  readonly commands: readonly Command[]
  readonly context: Json
}

function watch(program: Program, surroundings: Surroundings) {
  let happenings: Happening[] = []
  const machine = new Machine(program, {
    ...surroundings,
    trace: (happening) => happenings.push(happening),
  })
  const apply = (entry: Entry): Step => {
    happenings = []
    const commands = machine.apply(entry)
    return { happenings, commands, context: machine.context }
  }
  return { machine, apply }
}

interface Difference {
  readonly task: string
  readonly reason: string
}

function compare(
  old: Step,
  next: Step,
  programs: { readonly before: Program; readonly after: Program },
): Difference | null {
  const count = Math.max(old.happenings.length, next.happenings.length)
  for (let i = 0; i < count; i++) {
    const [one, other] = [old.happenings[i], next.happenings[i]]
    const difference = compareHappenings(one, other, programs)
    if (difference !== null) return difference
  }
  const asked = Math.max(old.commands.length, next.commands.length)
  for (let i = 0; i < asked; i++) {
    const [one, other] = [old.commands[i], next.commands[i]]
    if (isSame(one ?? null, other ?? null)) continue // U1
    return { task: taskOf(one ?? other), reason: 'it asks for something else' }
  }
  if (isSame(old.context, next.context)) return null
  const last = old.happenings.findLast(({ kind }) => kind === 'completed')
  return { task: last?.reference ?? '', reason: 'it exports another context' }
}

const ends = ['completed', 'faulted', 'cancelled'] satisfies Happening['kind'][]

function compareHappenings(
  one: Happening | undefined,
  other: Happening | undefined,
  { before, after }: { readonly before: Program; readonly after: Program },
): Difference | null {
  const task = one?.reference ?? other?.reference ?? ''
  if (one?.reference !== other?.reference || one?.kind !== other?.kind) {
    return { task, reason: 'other tasks begin and end there' } // U1
  }
  if (one === undefined || !ends.some((kind) => kind === one.kind)) return null
  const [was, is] = [definitionAt(before.source, task), definitionAt(after.source, task)]
  return isSame(was, is) ? null : { task, reason: 'it has ended, and is written otherwise' } // U2
}

/** What stands at a JSON Pointer; null where nothing does, as in functions of catalogs. */
function definitionAt(source: Json, pointer: string): Json {
  let at: Json = source
  for (const escaped of pointer.split('/').slice(1)) {
    const segment = escaped.replaceAll('~1', '/').replaceAll('~0', '~')
    if (typeof at !== 'object' || at === null) return null
    const members: Readonly<Record<string, Json>> = { ...at } as Record<string, Json>
    if (!Object.hasOwn(members, segment)) return null
    at = members[segment] ?? null
  }
  return at
}

function isSame(one: unknown, other: unknown): boolean {
  return canonicalJson(asJson(one)) === canonicalJson(asJson(other))
}

function taskOf(command: Command | undefined): string {
  return command !== undefined && 'key' in command ? referenceOf(command.key) : ''
}
