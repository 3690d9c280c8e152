// Memory responses
//
// Responses that are kept where there is no control plane: in memory, gone with the process.
//
// Invariants:
//   M1. Where there is no room for all, the oldest of the Project that takes the most of it goes: what others keep
//       pushes out none of a Project that takes no more than its share.
//   M2. Nothing is given after its time, as it was said when it came or as its Route says it by now.

import {
  type ResponseKey,
  type ResponseStore,
  type StoredResponse,
  storedOf,
  storedText,
} from '@tutti/core/routing'

const bytesMax = 256 * 2 ** 20 // some ten thousand conversations
const dayMs = 86_400_000

interface Held {
  readonly text: string
  readonly route: string
  readonly keptAtMs: number
  readonly expiresAtMs: number
}

/** For how many days a Route keeps them by now; undefined where there is none. */
export type DaysOf = (project: string, route: string) => number | undefined

interface Shelf {
  /** By id, oldest first. */
  readonly held: Map<string, Held>
  bytes: number
}

export class MemoryResponses implements ResponseStore {
  readonly #nowMs: () => number
  readonly #bytesMax: number
  readonly #daysOf: DaysOf
  /** By project; written by `save` and `#drop`. */
  readonly #shelves = new Map<string, Shelf>()
  #bytes = 0

  constructor(nowMs: () => number, bytes = bytesMax, daysOf: DaysOf = () => undefined) {
    this.#nowMs = nowMs
    this.#bytesMax = bytes
    this.#daysOf = daysOf
  }

  async save(stored: StoredResponse): Promise<void> {
    if (this.#of(stored) !== null) return
    const text = storedText(stored)
    const { id, project, route, expiresAtMs } = stored
    const shelf = this.#shelves.get(project) ?? { held: new Map(), bytes: 0 }
    this.#shelves.set(project, shelf)
    shelf.held.set(id, { text, route, expiresAtMs, keptAtMs: this.#nowMs() })
    shelf.bytes += text.length
    this.#bytes += text.length
    while (this.#bytes > this.#bytesMax) this.#dropOldest()
  }

  async load(key: ResponseKey): Promise<StoredResponse | null> {
    const held = this.#of(key)
    return held === null ? null : storedOf(held.text)
  }

  async delete(key: ResponseKey): Promise<boolean> {
    const wasThere = this.#of(key) !== null
    this.#drop(key)
    return wasThere
  }

  #of(key: ResponseKey): Held | null {
    const held = this.#shelves.get(key.project)?.held.get(key.id)
    if (held === undefined) return null
    const { route, keptAtMs, expiresAtMs } = held
    const days = this.#daysOf(key.project, route) ?? Infinity
    if (Math.min(expiresAtMs, keptAtMs + days * dayMs) > this.#nowMs()) return held // M2
    this.#drop(key)
    return null
  }

  /** M1. */
  #dropOldest(): void {
    let [project, most]: [string, Shelf | null] = ['', null]
    for (const [name, shelf] of this.#shelves) {
      if (shelf.bytes > (most?.bytes ?? 0)) [project, most] = [name, shelf]
    }
    const [id = ''] = most?.held.keys() ?? []
    this.#drop({ project, id })
  }

  #drop({ project, id }: ResponseKey): void {
    const shelf = this.#shelves.get(project)
    const held = shelf?.held.get(id)
    if (shelf === undefined || held === undefined) return
    shelf.held.delete(id)
    shelf.bytes -= held.text.length
    this.#bytes -= held.text.length
    if (shelf.held.size === 0) this.#shelves.delete(project)
  }
}
