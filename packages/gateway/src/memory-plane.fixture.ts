// Memory plane
//
// A control plane's accounts in memory, by the same decisions as the real one's: for tests of money.

import {
  chargeOf,
  decideGrant,
  type LeaseAnswer,
  type LeaseRequest,
  nanosOf,
} from '@tutti/core/routing'

interface Lease {
  readonly gateway: string
  grantedNanos: number
  settledNanos: number
}

export class MemoryPlane {
  readonly limitNanos: number
  readonly untilMs: number
  settledNanos = 0
  readonly open = new Map<string, Lease>()
  /** Refused once, for ever. */
  short: NonNullable<LeaseAnswer['short']> = []
  #grants = 0

  constructor(limitDollars: number, untilMs = Number.MAX_SAFE_INTEGER) {
    this.limitNanos = nanosOf(limitDollars)
    this.untilMs = untilMs
  }

  get openNanos(): number {
    const leases = [...this.open.values()]
    return leases.reduce((sum, one) => sum + Math.max(one.grantedNanos, one.settledNanos), 0)
  }

  ask(request: LeaseRequest): LeaseAnswer {
    const unknown: string[] = []
    for (const { lease, nanos, isOver, heldNanos = Infinity } of request.settled) {
      const known = this.open.get(lease)
      if (known === undefined || known.gateway !== request.gateway) unknown.push(lease)
      else {
        known.settledNanos = Math.max(known.settledNanos, nanos)
        known.grantedNanos = Math.min(known.grantedNanos, heldNanos)
        if (isOver) this.end(lease, 'closed')
      }
    }
    const granted = request.wanted.flatMap(
      ({ project, budget, nanos: wanted, least, ...named }) => {
        const { limitNanos, settledNanos, openNanos } = this
        const nanos = decideGrant({ limitNanos, settledNanos, openNanos }, wanted, least)
        if (nanos === 0) {
          this.short = [{ project, budget }]
          return []
        }
        this.#grants += 1
        const lease = named.lease ?? `lease-${this.#grants}`
        this.open.set(lease, { gateway: request.gateway, grantedNanos: nanos, settledNanos: 0 })
        return [{ lease, project, budget, nanos, untilMs: this.untilMs }]
      },
    )
    return { granted, unknown, ...(this.short.length === 0 ? {} : { short: this.short }) }
  }

  end(lease: string, ending: 'closed' | 'lost'): void {
    const known = this.open.get(lease)
    if (known === undefined) return
    this.open.delete(lease)
    this.settledNanos += chargeOf(known, ending)
  }
}
