// Loops
//
// All background work of a control plane in one table. A loop runs one turn at a time; an event wakes it
// sooner, the period is what bounds how late it can be. A turn that fails is logged and tried again.

import { type Clock, systemClock } from '@tutti/machine'

export interface Loop {
  readonly name: string
  readonly everyMs: number
  /** How long a wake-up waits for others to join it: bounds the work of a storm of events. */
  readonly gatherMs: number
  /** Where somebody waits for the turn: so long at most, whatever turns cost. */
  readonly gatherMsMax?: number
  readonly turn: () => Promise<void>
  /** How long until time alone asks for a turn, as the last one knew; absent: its period. */
  readonly dueInMs?: () => number
}

export interface RunningLoops {
  /** Asks for a turn as soon as the one that runs is over. */
  readonly wake: (name: string) => void
  readonly stop: () => Promise<void>
  readonly statuses: () => readonly LoopStatus[]
}

export interface LoopStatus {
  readonly name: string
  readonly turns: number
  readonly failures: number
  readonly lastMs: number
}

/** Starts every loop of the table. */
export function startLoops(
  table: readonly Loop[],
  onFailure: (loop: string, error: unknown) => void,
  clock: Clock = systemClock,
): RunningLoops {
  const start = (loop: Loop) => startLoop(loop, onFailure, clock)
  const running = new Map(table.map((loop) => [loop.name, start(loop)]))
  return {
    wake: (name) => running.get(name)?.wake(),
    stop: async () => {
      await Promise.all([...running.values()].map((loop) => loop.stop()))
    },
    statuses: () => [...running.values()].map((loop) => loop.status()),
  }
}

function startLoop(loop: Loop, onFailure: (loop: string, error: unknown) => void, clock: Clock) {
  let state: LoopState = {
    phase: 'waiting',
    forget: clock.schedule(0, () => begin()),
    dueMs: 0,
  }
  let status: LoopStatus = { name: loop.name, turns: 0, failures: 0, lastMs: 0 } // `turn` writes

  const begin = () => {
    state = { phase: 'turning', done: turn(), isWoken: false }
  }
  const wait = (delayMs: number) => {
    const dueMs = clock.steadyMs() + delayMs
    state = { phase: 'waiting', forget: clock.schedule(delayMs, begin), dueMs }
  }
  const turn = async () => {
    const startMs = clock.steadyMs()
    let failures = 0
    try {
      await loop.turn()
    } catch (error) {
      failures = 1
      if (state.phase !== 'stopped') onFailure(loop.name, error)
    }
    const lastMs = clock.steadyMs() - startMs
    status = { ...status, turns: status.turns + 1, failures: status.failures + failures, lastMs }
    if (state.phase === 'stopped') return
    const isWoken = state.phase === 'turning' && state.isWoken && failures === 0
    const dueInMs = Math.min(loop.everyMs, loop.dueInMs?.() ?? loop.everyMs)
    wait(isWoken ? gatherMs(loop, lastMs) : Math.max(dueInMs, gatherMs(loop, lastMs)))
  }

  return {
    wake: () => {
      if (state.phase === 'turning') state = { ...state, isWoken: true }
      const soonMs = gatherMs(loop, status.lastMs)
      if (state.phase !== 'waiting' || state.dueMs <= clock.steadyMs() + soonMs) return
      state.forget()
      wait(soonMs)
    },
    stop: async () => {
      const last = state
      state = { phase: 'stopped' }
      if (last.phase === 'waiting') last.forget()
      if (last.phase === 'turning') await last.done
    },
    status: () => status,
  }
}

/** In a storm of events a loop gets half of a core at most: what costs much gathers for longer. */
function gatherMs(loop: Loop, lastMs: number): number {
  return Math.min(loop.gatherMsMax ?? loop.everyMs, Math.max(loop.gatherMs, lastMs))
}

type LoopState =
  | { readonly phase: 'waiting'; readonly forget: () => void; readonly dueMs: number }
  | { readonly phase: 'turning'; readonly done: Promise<void>; readonly isWoken: boolean }
  | { readonly phase: 'stopped' }
