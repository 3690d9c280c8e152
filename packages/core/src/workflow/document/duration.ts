// Duration
//
// How long: ISO 8601 (`PT1M30S`), its parts (`{minutes: 1, seconds: 30}`), or an expression that gives one.

import { z } from 'zod'

const amount = (unit: string) => `(?:(\\d+(?:\\.\\d+)?)${unit})?`
const amounts = (units: string) => [...units].map(amount).join('')
const iso = new RegExp(`^P(?!$)${amounts('YMWD')}(?:T(?=\\d)${amounts('HMS')})?$`)
const expression = /^\s*\$\{[\s\S]+\}\s*$/

const parts = {
  days: 86_400_000,
  hours: 3_600_000,
  minutes: 60_000,
  seconds: 1_000,
  milliseconds: 1,
} as const

const inline = z
  .strictObject({
    days: z.int().optional(),
    hours: z.int().optional(),
    minutes: z.int().optional(),
    seconds: z.int().optional(),
    milliseconds: z.int().optional(),
  })
  .refine((value) => Object.keys(value).length > 0, 'a duration names at least one part')

export const duration = z.union([
  inline,
  z.string().regex(expression, 'an ISO 8601 duration, its parts, or an expression'),
  z.string().regex(iso, 'an ISO 8601 duration, its parts, or an expression'),
])
export type Duration = z.infer<typeof duration>

// Years and months have no fixed length; ISO 8601 leaves it open, we take the usual mean.
const isoUnitsMs = [
  365 * 86_400_000,
  30 * 86_400_000,
  7 * 86_400_000,
  86_400_000,
  3_600_000,
  60_000,
  1_000,
]

/** Milliseconds of a duration that is no expression; null where it is none. */
export function durationMs(value: unknown): number | null {
  if (typeof value === 'string') {
    const found = iso.exec(value)
    if (found === null) return null
    return isoUnitsMs.reduce((sum, unitMs, i) => sum + Number(found[i + 1] ?? 0) * unitMs, 0)
  }
  const parsed = inline.safeParse(value)
  if (!parsed.success) return null
  return Object.entries(parts).reduce(
    (sum, [name, unitMs]) => sum + (parsed.data[name as keyof typeof parts] ?? 0) * unitMs,
    0,
  )
}
