// Retry-After
//
// How long an upstream asks to be left alone: in seconds, or until a date (RFC 9110, 10.2.3).

const seconds = /^\d+(\.\d+)?$/
const date = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/
const msMax = 86_400_000 // a day: longer is a mistake, and no reason to tell callers of

/** Milliseconds from now; null where it says nothing that can be read. */
export function retryAfterMsOf(value: string | undefined, nowMs: number): number | null {
  const text = value?.trim() ?? ''
  if (seconds.test(text)) return Math.min(msMax, Number(text) * 1_000)
  const atMs = date.test(text) ? Date.parse(text) : Number.NaN
  return Number.isNaN(atMs) ? null : Math.min(msMax, Math.max(0, atMs - nowMs))
}
