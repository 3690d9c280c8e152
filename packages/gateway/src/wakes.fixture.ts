/** Conditions of a test, looked at anew whenever something has happened. */
export class Wakes {
  readonly #checks = new Set<() => void>()

  /** Something has happened. */
  wake(): void {
    for (const check of this.#checks) check()
  }

  until(isSo: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const check = () => {
        if (!isSo()) return
        this.#checks.delete(check)
        resolve()
      }
      this.#checks.add(check)
      check()
    })
  }
}
