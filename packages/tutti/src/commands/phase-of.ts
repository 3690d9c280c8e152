// Where a rollout is, in words.

export function phaseOf(state: unknown): string {
  const phase = String(at(state, 'phase') ?? 'pending')
  const message = at(at(state, 'cause'), 'message')
  const wave = phase === 'wave' ? ` ${Number(at(state, 'wave')) + 1}` : ''
  return message === null ? `${phase}${wave}` : `${phase}: ${String(message)}`
}

/** One that has ended is held up by nothing. */
export function isEnded(state: unknown): boolean {
  return ['done', 'reverted', 'superseded'].includes(String(at(state, 'phase')))
}

/** The phase of a rollout, and that it goes no further where it was told so. */
export function progressOf(state: unknown, paused: unknown): string {
  return paused === true && !isEnded(state) ? `paused, ${phaseOf(state)}` : phaseOf(state)
}

/** A member of what may be no object; null where there is none. */
export function at(value: unknown, key: string): unknown {
  if (typeof value !== 'object' || value === null) return null
  return Object.getOwnPropertyDescriptor(value, key)?.value ?? null
}
