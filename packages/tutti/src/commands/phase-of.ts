// Where a rollout is, in words.

export function phaseOf(state: unknown): string {
  const phase = String(at(state, 'phase') ?? 'pending')
  const message = at(at(state, 'cause'), 'message')
  const wave = phase === 'wave' ? ` ${Number(at(state, 'wave')) + 1}` : ''
  return message === null ? `${phase}${wave}` : `${phase}: ${String(message)}`
}

/** A member of what may be no object; null where there is none. */
export function at(value: unknown, key: string): unknown {
  if (typeof value !== 'object' || value === null) return null
  return Object.getOwnPropertyDescriptor(value, key)?.value ?? null
}
