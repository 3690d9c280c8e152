// Journal head
//
// How long a journal is, and the head of its hash chain: each turn's hash covers its text and all before it, so
// that nobody can change, drop or insert an entry without the head becoming another one.

import { hash as digest } from 'node:crypto'

export interface JournalHead {
  readonly length: number
  /** SHA-256, in hex; empty before the first turn. */
  readonly hash: string
}

export const emptyJournal: JournalHead = { length: 0, hash: '' }

/** The head after a turn's text, which holds this many entries. */
export function growJournal(head: JournalHead, body: string, entries: number): JournalHead {
  const hash = digest('sha256', head.hash + body, 'hex')
  return { length: head.length + entries, hash }
}
