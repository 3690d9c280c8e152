// Document names
//
// Names of documents as Converse takes them: letters, digits, single spaces, `-`, `(`, `)`, `[` and `]`, and no two the
// same in one request. Counted from the beginning, a name is the same one in the next turn.

const headMax = 180 // of 200; leaves room for a number behind it

export class DocumentNames {
  readonly #counts = new Map<string, number>() // `take` alone writes both
  readonly #taken = new Set<string>()

  take(given = ''): string {
    const plain = given
      .replace(/\.pdf$/i, '')
      .replaceAll(/[^a-zA-Z0-9\s\-()[\]]/g, '-')
      .replaceAll(/\s+/g, ' ')
    const head = plain.slice(0, headMax).trim() || 'document'
    let count = this.#counts.get(head) ?? 1
    let name = head
    while (this.#taken.has(name)) {
      count += 1
      name = `${head} (${count})`
    }
    this.#counts.set(head, count)
    this.#taken.add(name)
    return name
  }
}
