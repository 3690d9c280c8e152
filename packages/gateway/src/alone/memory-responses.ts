// Memory responses
//
// Responses that are kept where there is no control plane: in memory, gone with the process, the oldest first where
// there are too many.

import type { ResponseKey, ResponseStore, StoredResponse } from '@tutti/core/routing'

const bytesMax = 256 * 2 ** 20 // some ten thousand conversations

interface Held {
  readonly text: string
  readonly expiresAtMs: number
}

export class MemoryResponses implements ResponseStore {
  readonly #nowMs: () => number
  readonly #bytesMax: number
  /** By project and id, oldest first; written by `save` and `#drop`. */
  readonly #held = new Map<string, Held>()
  #bytes = 0

  constructor(nowMs: () => number, bytes = bytesMax) {
    this.#nowMs = nowMs
    this.#bytesMax = bytes
  }

  async save(stored: StoredResponse): Promise<void> {
    const key = keyOf(stored)
    if (this.#of(key) !== null) return
    const text = JSON.stringify(stored)
    this.#held.set(key, { text, expiresAtMs: stored.expiresAtMs })
    this.#bytes += text.length
    for (const oldest of this.#held.keys()) {
      if (this.#bytes <= this.#bytesMax) return
      this.#drop(oldest)
    }
  }

  async load(key: ResponseKey): Promise<StoredResponse | null> {
    const held = this.#of(keyOf(key))
    return held === null ? null : JSON.parse(held.text)
  }

  async delete(key: ResponseKey): Promise<boolean> {
    const wasThere = this.#of(keyOf(key)) !== null
    this.#drop(keyOf(key))
    return wasThere
  }

  #of(key: string): Held | null {
    const held = this.#held.get(key)
    if (held === undefined) return null
    if (held.expiresAtMs > this.#nowMs()) return held
    this.#drop(key)
    return null
  }

  #drop(key: string): void {
    const held = this.#held.get(key)
    if (held === undefined) return
    this.#held.delete(key)
    this.#bytes -= held.text.length
  }
}

function keyOf({ project, id }: ResponseKey): string {
  return `${project}/${id}`
}
