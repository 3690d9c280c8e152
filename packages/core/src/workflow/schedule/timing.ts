// Timing
//
// When a schedule ticks, as its document says: at every so many milliseconds since it was declared, by cron, or some
// time after the run before has ended.

import { durationMs, type WorkflowDocument } from '../document/index.ts'
import { type Cron, nextCronTick, parseCron } from './cron.ts'

export type Timing =
  | { readonly kind: 'every'; readonly everyMs: number }
  | { readonly kind: 'cron'; readonly cron: Cron }
  | { readonly kind: 'after'; readonly afterMs: number }
  /** Events start it: see trigger.ts. */
  | { readonly kind: 'on' }

export const timingKinds = ['every', 'cron', 'after', 'on'] as const
export type TimingKind = (typeof timingKinds)[number]

const everyMsMin = 1_000 // shorter ones are a loop in one run, not runs

export type ParsedTiming =
  | { readonly ok: true; readonly timing: Timing }
  | { readonly ok: false; readonly reason: string }

/** One member of a document's schedule; null where it has none of this kind. */
export function timingOf(
  { schedule }: Pick<WorkflowDocument, 'schedule'>,
  kind: TimingKind,
): ParsedTiming | null {
  if (schedule?.[kind] === undefined) return null
  switch (kind) {
    case 'cron': {
      const parsed = parseCron(schedule.cron ?? '')
      return parsed.ok ? { ok: true, timing: { kind, cron: parsed.cron } } : parsed
    }
    case 'every': {
      const everyMs = durationMs(schedule.every)
      if (everyMs === null) return no('is no duration: a schedule has no input to evaluate over')
      if (everyMs < everyMsMin) return no(`is ${everyMs} ms: expected a second or more`)
      return { ok: true, timing: { kind, everyMs } }
    }
    case 'after': {
      const afterMs = durationMs(schedule.after)
      if (afterMs === null) return no('is no duration: a schedule has no input to evaluate over')
      return { ok: true, timing: { kind, afterMs } }
    }
    case 'on':
      return { ok: true, timing: { kind } }
  }
}

function no(reason: string): ParsedTiming {
  return { ok: false, reason }
}

/** The first tick after a moment; null where time alone brings none. */
export function nextTick(timing: Timing, sinceMs: number, afterMs: number): number | null {
  switch (timing.kind) {
    case 'every': {
      const passed = Math.floor((afterMs - sinceMs) / timing.everyMs)
      return sinceMs + Math.max(1, passed + 1) * timing.everyMs
    }
    case 'cron':
      return nextCronTick(timing.cron, Math.max(afterMs, sinceMs))
    case 'after':
    case 'on':
      return null
  }
}
