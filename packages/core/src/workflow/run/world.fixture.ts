// A world for machines: outcomes come at once, time passes as far as the next wake-up, and every journal is
// worked out again from each of its prefixes.

import { expect } from 'vitest'
import type { Json } from '../../resource/index.ts'
import {
  type Action,
  type CloudEvent,
  type Command,
  decide,
  type Entry,
  Machine,
  type Outcome,
  prepareWorkflow,
  type WorkflowError,
} from './index.ts'

export type Act = (
  action: Action,
  key: string,
) => { readonly output: Json } | { readonly error: WorkflowError } | 'never'

export interface World {
  readonly act?: Act
  readonly events?: readonly CloudEvent[]
  readonly secrets?: Readonly<Record<string, Json>>
  /** Which of the commands at hand comes true next; the first where absent. */
  readonly pick?: (count: number) => number
}

export interface Story {
  readonly outcome: Outcome | null
  readonly journal: readonly Entry[]
  /** Keys of steps, in the order in which they were done. */
  readonly keys: readonly string[]
  readonly actions: readonly Action[]
  readonly endedAtMs: number
}

const stepsMax = 5_000

export function document(tasks: unknown, more: object = {}): Json {
  return {
    document: { dsl: '1.0.3', namespace: 'test', name: 'test', version: '1.0.0' },
    do: tasks,
    ...more,
  } as Json
}

export function play(source: Json, input: Json, world: World = {}): Story {
  const prepared = prepareWorkflow(source)
  if (!prepared.ok) throw new Error(prepared.findings.map((f) => `${f.path}: ${f.message}`).join())
  const surroundings = {
    secrets: world.secrets ?? {},
    runtime: { name: 'tutti', version: '0.1.0' },
  }
  const machine = new Machine(prepared.program, surroundings)
  const journal: Entry[] = []
  const actions: Action[] = []
  const open = new Map<string, Command>()
  const events = [...(world.events ?? [])]
  let nowMs = 1_000
  const take = (entry: Entry) => {
    journal.push(entry)
    for (const command of machine.apply(entry)) {
      if (command.kind === 'cancel') open.delete(command.key)
      else if (command.kind !== 'end') open.set(command.key, command)
      if (command.kind === 'act') actions.push(command.action)
    }
    // A restart at this point must go on with exactly what is open.
    const again = decide(prepared.program, journal, surroundings)
    expect(again.commands).toEqual(machine.outcome === null ? [...open.values()] : [])
    expect(again.outcome).toEqual(machine.outcome)
  }
  take({ kind: 'started', atMs: nowMs, runId: 'r1', input })
  for (let step = 0; step < stepsMax && machine.outcome === null; step++) {
    const ready = [...open.values()].filter(
      (command) =>
        command.kind === 'complete' ||
        (command.kind === 'act' && world.act?.(command.action, command.key) !== 'never'),
    )
    const next = ready[world.pick?.(ready.length) ?? 0]
    if (next !== undefined) {
      if ('key' in next) open.delete(next.key)
      take(entryOf(next, nowMs, world))
    } else if (!offer(events, machine, nowMs, take)) {
      const waits = [...open.values()].filter((command) => command.kind === 'wait')
      const first = waits.reduce((a, b) => (b.untilMs < a.untilMs ? b : a), waits[0] ?? never)
      if (first === never) break
      nowMs = Math.max(nowMs, first.untilMs)
      open.delete(first.key)
      take({ kind: 'completed', atMs: nowMs, key: first.key, output: null })
    }
  }
  const keys = journal.flatMap((entry) => ('key' in entry ? [entry.key] : []))
  return { outcome: machine.outcome, journal, keys, actions, endedAtMs: nowMs }
}

const never = { kind: 'wait', key: '', untilMs: Number.POSITIVE_INFINITY } as const

function entryOf(command: Command, atMs: number, world: World): Entry {
  if (command.kind === 'complete') {
    return { kind: 'completed', atMs, key: command.key, output: command.output }
  }
  if (command.kind !== 'act') throw new Error(`nothing comes of ${command.kind}`)
  const { key, action } = command
  const said = world.act?.(action, key) ?? {
    output: action.type === 'emit' ? action.event : null,
  }
  if (said === 'never') throw new Error('never')
  return 'error' in said
    ? { kind: 'failed', atMs, key, error: said.error }
    : { kind: 'completed', atMs, key, output: said.output }
}

function offer(
  events: CloudEvent[],
  machine: Machine,
  atMs: number,
  take: (entry: Entry) => void,
): boolean {
  for (let event = events.shift(); event !== undefined; event = events.shift()) {
    const taken = event
    const keys = machine.listenersFor(taken)
    for (const key of keys) take({ kind: 'event', atMs, key, event: taken })
    if (keys.length > 0) return true
  }
  return false
}
