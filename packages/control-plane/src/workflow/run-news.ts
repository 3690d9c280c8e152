// Run news
//
// Who watches a run hears that its journal has grown, whichever engine writes it. Engines tell of none but those that
// are watched: a watcher says so to all of them, and says it again while it watches; what nobody watches costs nothing.
// What was written just before an engine heard of the watcher is told by nobody: so a watcher looks by itself, too, now
// and then, and once when its own word has come round.

import type { News } from '../news.ts'
import type { Sql } from '../store/index.ts'
import { watchChannel, writtenChannel } from './signal.ts'

export interface RunNewsPorts {
  readonly sql: Sql
  readonly news: Pick<News, 'subscribe'>
  readonly nowMs: () => number
  readonly onTrouble: (what: string, error: unknown) => void
}

const watchedMs = 60_000 // a watcher that says nothing for so long is gone
const sayMs = 20_000 // two of three may be lost
const watchedMax = 10_000 // runs: some megabyte; who is not among them looks by himself

export class RunNews {
  readonly #ports: RunNewsPorts
  /** Until when somebody somewhere watches these; written by `#hear` and `written`. */
  readonly #watched = new Map<string, number>()
  /** Who is to be woken here; written by `watch`. */
  readonly #watchers = new Map<string, Set<() => void>>()
  /** Written, and not yet told; taken by `#tell`. */
  readonly #untold = new Set<string>()
  readonly #unsubscribe: readonly (() => void)[]
  readonly #timer: NodeJS.Timeout

  constructor(ports: RunNewsPorts) {
    this.#ports = ports
    const { news } = ports
    const wakeAll = () => {
      for (const run of this.#watchers.keys()) this.#wake(run)
    }
    this.#unsubscribe = [
      news.subscribe(watchChannel, { onNews: (run) => this.#hear(run), onGap: () => {} }),
      news.subscribe(writtenChannel, { onNews: (run) => this.#wake(run), onGap: wakeAll }),
    ]
    this.#timer = setInterval(() => this.#say([...this.#watchers.keys()]), sayMs)
    this.#timer.unref()
  }

  /** Calls whenever the run's journal may have grown; gives what ends it. */
  watch(run: string, wake: () => void): () => void {
    const held = this.#watchers.get(run) ?? new Set()
    this.#watchers.set(run, held.add(wake))
    this.#say([run])
    return () => {
      held.delete(wake)
      if (held.size === 0 && this.#watchers.get(run) === held) this.#watchers.delete(run)
    }
  }

  /** An engine here has written to its journal. */
  written(run: string): void {
    const untilMs = this.#watched.get(run)
    if (untilMs === undefined) return
    if (untilMs < this.#ports.nowMs()) {
      this.#watched.delete(run)
      return
    }
    this.#untold.add(run)
    if (this.#untold.size === 1) setImmediate(() => this.#tell())
  }

  stop(): void {
    clearInterval(this.#timer)
    for (const end of this.#unsubscribe) end()
  }

  #hear(run: string): void {
    if (this.#watched.size >= watchedMax) this.#forgetOld()
    if (this.#watched.size < watchedMax) this.#watched.set(run, this.#ports.nowMs() + watchedMs)
    this.#wake(run)
  }

  #forgetOld(): void {
    const nowMs = this.#ports.nowMs()
    for (const [run, untilMs] of this.#watched) if (untilMs < nowMs) this.#watched.delete(run)
  }

  #wake(run: string): void {
    for (const wake of this.#watchers.get(run) ?? []) wake()
  }

  #tell(): void {
    const runs = [...this.#untold]
    this.#untold.clear()
    this.#notify(writtenChannel, runs)
  }

  #say(runs: readonly string[]): void {
    if (runs.length > 0) this.#notify(watchChannel, runs)
  }

  #notify(channel: string, runs: readonly string[]): void {
    const { sql, onTrouble } = this.#ports
    sql`select pg_notify(${channel}, run) from unnest(${[...runs]}::text[]) run`.catch(
      (error: unknown) => onTrouble('who watches runs was not told, and looks by himself', error),
    )
  }
}
