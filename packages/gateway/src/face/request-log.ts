// Request log
//
// One record for each answered request: who asked, who answered, how it went, what it cost. Metadata only, never
// contents. The last ones are kept, and whoever follows gets each as it is made. Comparisons of shadows are kept alike.

import type { SideFinding } from './call-guard.ts'

export interface RequestRecord {
  readonly atMs: number
  readonly id: string
  readonly project: string
  readonly key: string
  readonly route: string
  /** Provider and model, or node, of the attempts that were charged. */
  readonly targets: readonly string[]
  readonly status: number
  readonly attempts: number
  readonly ms: number
  readonly inputTokens: number
  readonly outputTokens: number
  readonly cachedTokens: number
  /** Null where a target's price is not known. */
  readonly costNanos: number | null
  /** True where an upstream did not count, so that it is reckoned. */
  readonly isEstimated: boolean
  /** The list of prices that it was charged by, and its day; null for a price of one's own. */
  readonly priceList: string | null
  /** The arm of the route's experiment; absent where it has none. */
  readonly arm?: string
  /** Where no target was asked because an answer was kept: what it was found by. */
  readonly cached?: 'exact' | 'semantic'
  /** What a guard found, never what it said; absent where nothing was. */
  readonly findings?: readonly SideFinding[]
}

export interface Follower<R> {
  readonly onRecord: (record: R) => void
  readonly onEnd: () => void
}

const recordsMax = 10_000 // some megabytes; at 100 requests a second the last minutes
const followersMax = 100

/** What every record of a log has. */
export interface Logged {
  readonly atMs: number
  readonly project: string
  readonly id: string
}

/** Writes what a record says into a place of a log: over an older one, which comes back. */
export type Overwrite<R> = (older: R | undefined, record: R) => R

export class RequestLog<R extends Logged = RequestRecord> {
  /** A ring; written by `add`, and what is in it by `#overwrite`: nobody else holds it. */
  readonly #records: R[] = []
  readonly #overwrite: Overwrite<R>
  #next = 0
  readonly #followers = new Set<Follower<R>>()

  constructor(overwrite: Overwrite<R>) {
    this.#overwrite = overwrite
  }

  add(record: R): void {
    this.#records[this.#next] = this.#overwrite(this.#records[this.#next], record)
    this.#next = (this.#next + 1) % recordsMax
    for (const { onRecord } of this.#followers) onRecord(record)
  }

  /** The newest records of a project, oldest first. */
  newest(project: string, count: number): R[] {
    const ordered = [...this.#records.slice(this.#next), ...this.#records.slice(0, this.#next)]
    const own = ordered.filter((record) => record.project === project)
    return own.slice(own.length - Math.min(count, own.length)).map((record) => ({ ...record }))
  }

  /** The newest of a project with this id; null where it is forgotten. */
  find(project: string, id: string): R | null {
    return this.newest(project, recordsMax).findLast((record) => record.id === id) ?? null
  }

  /** Tells each record to come; null where too many follow already. */
  follow(follower: Follower<R>): (() => void) | null {
    if (this.#followers.size >= followersMax) return null
    this.#followers.add(follower)
    return () => this.#followers.delete(follower)
  }

  /** Lets all followers go: for a gateway that stops. */
  stop(): void {
    for (const { onEnd } of this.#followers) onEnd()
    this.#followers.clear()
  }
}

type Mutable = { -readonly [Name in keyof RequestRecord]: RequestRecord[Name] }

/**
 * The same object for ever: ten thousand new ones would each live just long enough to be moved
 * among what lives long, which is looked through as a whole to get rid of them. And a list of its
 * own: V8 puts what is made in one place of the code among what lives long at once, for ever, where
 * the first ten thousand of that place did.
 */
export function overwriteRecord(older: Mutable | undefined, record: RequestRecord): RequestRecord {
  const isPlain = (of: RequestRecord) => (of.arm ?? of.cached ?? of.findings) === undefined
  if (older === undefined || !isPlain(older) || !isPlain(record)) {
    return { ...record, targets: [...record.targets] }
  }
  older.atMs = record.atMs
  older.id = record.id
  older.project = record.project
  older.key = record.key
  older.route = record.route
  if (!isSame(older.targets, record.targets)) older.targets = [...record.targets]
  older.status = record.status
  older.attempts = record.attempts
  older.ms = record.ms
  older.inputTokens = record.inputTokens
  older.outputTokens = record.outputTokens
  older.cachedTokens = record.cachedTokens
  older.costNanos = record.costNanos
  older.isEstimated = record.isEstimated
  older.priceList = record.priceList
  return older
}

function isSame(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((name, place) => name === other[place])
}
