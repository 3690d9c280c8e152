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
  /** Hears of calls that are not on their way here; written once, by who knows other workers. */
  onElsewhere: (of: CallKey) => void = () => {}

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

  /** A caller takes a call back. */
  cancel(of: CallKey): void {
    if (!this.hear(of)) this.onElsewhere(of)
  }

  /** The same as another worker was told; false where it is not on its way here. */
  hear(of: CallKey): boolean {
    const running = this.#running.get(idOf(of))
    running?.abort()
    return running !== undefined
  }
}

function idOf({ key, session, call }: CallKey): string {
  return JSON.stringify([key, session, call])
}
