// Key end
//
// When a key ends, by the clock of the control plane: that is the one which ends it, and this machine's may be another.

import { Failure } from '../failure.ts'

export type KeyEnd =
  | { readonly kind: 'after'; readonly ms: number }
  | { readonly kind: 'at'; readonly ms: number }

export interface Clocks {
  /** This machine's. */
  readonly ownMs: number
  readonly planeMs: number
}

const units: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 }

/** `30d`, `24h`, `90m` or a time. Throws `tutti/argument-invalid`. */
export function parseKeyEnd(text: string): KeyEnd {
  const [, count, unit] = /^(\d{1,6})([mhd])$/.exec(text) ?? []
  const isTime = unit === undefined
  const ms = isTime ? Date.parse(text) : Number(count) * (units[unit] ?? 0)
  if (Number.isFinite(ms) && ms > 0) return { kind: isTime ? 'at' : 'after', ms }
  const message = `--expires: expected 30d, 24h, 90m or a time to come, got ${text}`
  throw new Failure('tutti/argument-invalid', message)
}

/** Throws `tutti/argument-invalid` where it would have ended before it begins. */
export function pickEndMs(end: KeyEnd, { ownMs, planeMs }: Clocks): number {
  const endMs = end.kind === 'at' ? end.ms : planeMs + end.ms
  if (endMs > planeMs) return endMs
  const [at, plane, own] = [endMs, planeMs, ownMs].map((ms) => new Date(ms).toISOString())
  const clocks = `the control plane’s clock says ${plane}, this machine’s ${own}`
  const message = `--expires: ${at} is past: ${clocks}; give a later time, or 30d from now on`
  throw new Failure('tutti/argument-invalid', message)
}
