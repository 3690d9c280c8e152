// Plan ticks
//
// Which ticks of a schedule start a run now, and which one comes next.
//
//   K1. A tick starts at most one run: it is left behind when it starts one, and its run is named after it.
//   K2. A tick that is at most a minute late is on time. Of those that nobody was up for longer than that, the newest
//       `catchUp` are made up; the others are left out.
//   K3. A clock that was ahead and is put back brings the next tick back with it.

import { nextTick, type Timing } from './timing.ts'

export interface TickState {
  /** The next tick; null where nothing is to come. */
  readonly tickMs: number | null
}

export interface TickPlan extends TickState {
  /** Ticks that start a run, the oldest first. */
  readonly starts: readonly number[]
}

export const catchUpDefault = 1
export const catchUpMax = 100 // runs started at once for one schedule
const lateMs = 60_000 // a restart, an upgrade, or a take-over lasts less
const ticksMax = 10_000 // looked at in one turn; on time there are 60 at most

export function planTicks(
  timing: Timing,
  given: { readonly sinceMs: number; readonly catchUp: number } & TickState,
  nowMs: number,
): TickPlan {
  const { sinceMs, tickMs } = given
  if (tickMs === null) return { starts: [], tickMs }
  const next = nextTick(timing, sinceMs, Math.max(nowMs, sinceMs))
  if (tickMs > nowMs) {
    const latest = timing.kind === 'after' ? nowMs + timing.afterMs : (next ?? tickMs)
    return { starts: [], tickMs: Math.min(tickMs, latest) } // K3
  }
  // However late: it is the one that its own end waits for.
  if (timing.kind === 'after') return { starts: [tickMs], tickMs: null }
  const due = dueTicks(timing, { sinceMs, tickMs, wanted: given.catchUp }, nowMs)
  const onTime = due.filter((atMs) => atMs >= nowMs - lateMs)
  const missed = due.slice(0, due.length - onTime.length)
  const madeUp = given.catchUp === 0 ? [] : missed.slice(-given.catchUp)
  return { starts: [...madeUp, ...onTime], tickMs: next } // K1, K2
}
/** The ticks from the next one on until now: those on time, and as many more as are wanted. */
function dueTicks(
  timing: Timing,
  { sinceMs, tickMs, wanted }: { sinceMs: number; tickMs: number; wanted: number },
  nowMs: number,
): readonly number[] {
  // Long ago there may have been very many: look back from now, twice as far each time.
  for (let backMs = 2 * lateMs; ; backMs *= 2) {
    const fromMs = Math.max(tickMs, nowMs - backMs)
    const found = fromMs === tickMs ? [tickMs] : []
    let at = nextTick(timing, sinceMs, Math.max(fromMs, tickMs))
    while (at !== null && at <= nowMs && found.length < ticksMax) {
      found.push(at)
      at = nextTick(timing, sinceMs, at)
    }
    const missed = found.filter((one) => one < nowMs - lateMs).length
    if (fromMs === tickMs || missed >= wanted) return found
  }
}
