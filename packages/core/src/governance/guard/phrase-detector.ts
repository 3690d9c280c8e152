// Phrase detector
//
// Finds any of a list of words and phrases in one pass over a text, however long the list (Aho and Corasick, 1975).
// Case does not matter, any white space is a blank, and a phrase counts where it stands as whole words.

import type { Detector } from './detector.ts'
import type { GuardFinding } from './guard.ts'
import { plainText } from './plain-text.ts'

interface State {
  readonly next: Map<number, State>
  readonly depth: number
  /** Where to go on when no next letter fits; null at the root. */
  fallback: State | null
  /** Lengths of the phrases that end here. */
  lengths: readonly number[]
}

export function phraseDetector(phrases: readonly string[]): Detector {
  const root = automaton(phrases)
  const begins = new Uint8Array(128) // letters of ASCII that a phrase begins with, in either case
  for (let code = 0; code < 128; code++) begins[code] = root.next.has(folded(code)) ? 1 : 0
  return {
    find: (text, from) => {
      const found: GuardFinding[] = []
      let state = root
      for (let at = from; at < text.length; at++) {
        const code = text.charCodeAt(at)
        if (state === root && code < 128 && begins[code] === 0) continue
        state = step(root, state, folded(code))
        for (const length of state.lengths) {
          const start = at + 1 - length
          if (isWord(text, start - 1) || isWord(text, at + 1)) continue
          const what = { kind: 'blocked', detector: 'blocklist', severity: 'high' } as const
          found.push({ ...what, start, end: at + 1 })
        }
      }
      return found.sort((a, b) => a.start - b.start)
    },
    openFrom: (text, from) => {
      let state = root
      for (let at = from; at < text.length; at++) {
        state = step(root, state, folded(text.charCodeAt(at)))
      }
      return text.length - state.depth
    },
  }
}

function automaton(phrases: readonly string[]): State {
  const root: State = { next: new Map(), depth: 0, fallback: null, lengths: [] }
  for (const given of phrases) {
    const phrase = plainText(given)
    let state = root
    for (let i = 0; i < phrase.length; i++) {
      const code = folded(phrase.charCodeAt(i))
      const known = state.next.get(code)
      const next = known ?? { next: new Map(), depth: i + 1, fallback: root, lengths: [] }
      if (known === undefined) state.next.set(code, next)
      state = next
    }
    if (!state.lengths.includes(phrase.length)) state.lengths = [...state.lengths, phrase.length]
  }
  const queue = [...root.next.values()]
  for (let i = 0; i < queue.length; i++) {
    const state = queue[i]
    for (const [code, next] of state?.next ?? []) {
      next.fallback = step(root, state?.fallback ?? root, code)
      next.lengths = [...next.lengths, ...next.fallback.lengths]
      queue.push(next)
    }
  }
  return root
}

function step(root: State, from: State, code: number): State {
  let state: State | null = from
  while (state !== null) {
    const next = state.next.get(code)
    if (next !== undefined) return next
    state = state.fallback
  }
  return root
}

/** Lower case where that is one unit too, so that places stay what they are. */
function folded(code: number): number {
  if (code < 128) {
    if (code >= 0x41 && code <= 0x5a) return code + 32
    return code >= 0x09 && code <= 0x0d ? 0x20 : code
  }
  const lower = String.fromCharCode(code).toLowerCase()
  return lower.length === 1 ? lower.charCodeAt(0) : code
}

function isWord(text: string, at: number): boolean {
  const character = text[at]
  return character !== undefined && /[\p{L}\p{N}_]/u.test(character)
}
