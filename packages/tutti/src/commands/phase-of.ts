// Where a rollout is, in words.

/** Of the status of a Deployment or a Rollout. */
export function phaseOf(status: unknown): string {
  const state = at(status, 'state')
  const phase = String(at(state, 'phase') ?? 'pending')
  const message = at(at(state, 'cause'), 'message')
  const wave = phase === 'wave' ? ` ${Number(at(state, 'wave')) + 1}` : ''
  if (message === null) return `${phase}${wave}`
  return `${phase} to ${String(at(status, 'baseline') ?? 'nothing')}: ${String(message)}`
}

/** One that has ended is held up by nothing. */
export function isEnded(state: unknown): boolean {
  return ['done', 'reverted', 'superseded'].includes(String(at(state, 'phase')))
}

/** The phase of a rollout, and that it goes no further where it was told so. */
export function progressOf(status: unknown, paused: unknown): string {
  const phase = phaseOf(status)
  return paused === true && !isEnded(at(status, 'state')) ? `paused, ${phase}` : phase
}

/** How many nodes are where they should be, and how many not yet, never, or out of sight. */
export function countsOf(nodes: unknown): string {
  const facts = ['converged', 'converging', 'cannot', 'unreachable']
  return facts.map((fact) => `${at(nodes, fact) ?? 0} ${fact}`).join(', ')
}

const shown = 3 // nodes, and reasons

/** Why nodes cannot get to where they should be, and which; empty where all can. */
export function whyCannot(cannot: unknown): string {
  const nodesOf = new Map<string, string[]>() // by what keeps them
  for (const one of Array.isArray(cannot) ? cannot : []) {
    const reason = plainLine(at(one, 'reason'))
    const nodes = nodesOf.get(reason) ?? []
    nodes.push(plainLine(at(one, 'node')))
    nodesOf.set(reason, nodes)
  }
  const reasons = [...nodesOf].map(([reason, nodes]) => `; ${firstOf(nodes)}: ${reason}`)
  const more = reasons.length - shown
  return reasons.slice(0, shown).join('') + (more > 0 ? `; ${more} more reasons` : '')
}

function firstOf(names: readonly string[]): string {
  const more = names.length - shown
  return names.slice(0, shown).join(', ') + (more > 0 ? ` and ${more} more` : '')
}

/** A member of what may be no object; null where there is none. */
export function at(value: unknown, key: string): unknown {
  if (typeof value !== 'object' || value === null) return null
  return Object.getOwnPropertyDescriptor(value, key)?.value ?? null
}

/** What somebody else wrote moves no cursor. */
export function plainLine(text: unknown): string {
  return String(text).replaceAll(/\p{Cc}/gu, ' ')
}
