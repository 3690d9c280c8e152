// Response keeper
//
// Where responses are kept that may be gone on from: at the control plane those that ask for it, and in the memory of
// a WebSocket connection the last ones of its own.

import type { ResponseKey, ResponseStore, StoredResponse } from '@tutti/core/routing'
import { TakeBack, unheldWait } from './take-back.ts'

export interface ResponseKeeper extends Pick<ResponseStore, 'load' | 'delete'> {
  /** True where every response can be gone on from, kept at the control plane or not. */
  readonly isLocal: boolean
  /** False where it could not be kept as long as it asked for. */
  readonly keep: (stored: StoredResponse, isAsked: boolean) => Promise<boolean>
}

export function storeKeeper(
  store: ResponseStore,
  log: (event: string, fields: Readonly<Record<string, unknown>>) => void,
): ResponseKeeper {
  const takeBack = new TakeBack({ store, log, wait: unheldWait })
  return {
    isLocal: false,
    load: (key) => store.load(key),
    delete: (key) => store.delete(key),
    keep: async (stored, isAsked) => {
      if (!isAsked) return false
      try {
        await store.save(stored)
        return true
      } catch (error) {
        log('a response is not kept', { id: stored.id, error: String(error) })
        void takeBack.take(stored)
        return false
      }
    },
  }
}

const heldMax = 16 // forks of a conversation; each may hold some megabytes
const heldBytesMax = 16 * 2 ** 20

/** The newest responses of one connection, in front of what is kept for all. */
export class LocalKeeper implements ResponseKeeper {
  readonly isLocal = true
  readonly #behind: ResponseKeeper
  /** By id, oldest first; written by `keep` and `forget`. */
  readonly #held = new Map<string, { readonly stored: StoredResponse; readonly bytes: number }>()
  #bytes = 0

  constructor(behind: ResponseKeeper) {
    this.#behind = behind
  }

  async load(key: ResponseKey): Promise<StoredResponse | null> {
    const held = this.#held.get(key.id)?.stored
    return held?.project === key.project ? held : await this.#behind.load(key)
  }

  async delete(key: ResponseKey): Promise<boolean> {
    this.forget(key.id)
    return await this.#behind.delete(key)
  }

  async keep(stored: StoredResponse, isAsked: boolean): Promise<boolean> {
    const bytes = JSON.stringify(stored).length
    this.#held.set(stored.id, { stored, bytes })
    this.#bytes += bytes
    for (const oldest of this.#held.keys()) {
      if (this.#held.size <= heldMax && this.#bytes <= heldBytesMax) break
      this.forget(oldest)
    }
    return await this.#behind.keep(stored, isAsked)
  }

  /** A turn that failed takes what it went on from with it: the caller says the whole again. */
  forget(id: string): void {
    const held = this.#held.get(id)
    if (held === undefined) return
    this.#held.delete(id)
    this.#bytes -= held.bytes
  }
}
