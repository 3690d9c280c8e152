// Running calls
//
// Calls of tools on their way, so that whoever made one can take it back: that comes as a request of its own, which
// names the call by its number in the caller's session.

export interface CallKey {
  /** With its project: others may have one of the same name. */
  readonly key: string
  readonly session: string
  /** The caller's number of it. */
  readonly call: string | number
}

const callsMax = 10_000 // of those with a session; one more runs, and cannot be taken back

export class RunningCalls {
  /** Written by `begin`. */
  readonly #running = new Map<string, AbortController>()

  /** The signal that it was taken back; `end` is called once, however it ends. */
  begin(of: CallKey): { readonly signal: AbortSignal; readonly end: () => void } {
    const cancel = new AbortController()
    const id = idOf(of)
    if (of.session === '' || this.#running.size >= callsMax) {
      return { signal: cancel.signal, end: () => {} }
    }
    this.#running.set(id, cancel)
    const end = () => {
      if (this.#running.get(id) === cancel) this.#running.delete(id)
    }
    return { signal: cancel.signal, end }
  }

  cancel(of: CallKey): void {
    this.#running.get(idOf(of))?.abort()
  }
}

function idOf({ key, session, call }: CallKey): string {
  return JSON.stringify([key, session, call])
}
