// Repeated name
//
// A member that an object has twice: parsers differ on which of two they read (RFC 8259, section 4), and what is
// limited, priced and looked through here must be what the provider reads.
//
// Invariants:
//   J4. It is null just where every object in the text has each of its names once, however they are escaped.

import { mayMisreadName } from '@tutti/core/resource'

/** A name that one object has twice; null where there is none. `value` is what the text says. */
export function repeatedName(text: string, value: unknown): string | null {
  // A parser keeps one of two: where it has kept as many as may have been written, there are no two, unless it has taken
  // one of them for another.
  if (mayBeNames(text) !== countMembers(value) || mayMisreadName(text)) return findRepeated(text)
  return null
}

/** Colons behind a quote: those that end a name, and those that begin a text. */
function mayBeNames(text: string): number {
  let count = 0
  for (let at = text.indexOf(':'); at !== -1; at = text.indexOf(':', at + 1)) {
    let before = at - 1
    while (text.charCodeAt(before) <= 0x20) before -= 1
    if (text[before] === '"' && !isEscaped(text, before)) count += 1
  }
  return count
}

function countMembers(value: unknown): number {
  let count = 0
  const left = [value] // no recursion: how deep it goes is the caller's choice
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    if (Array.isArray(next)) {
      for (const inner of next) if (typeof inner === 'object' && inner !== null) left.push(inner)
      continue
    }
    for (const inner of Object.values(Object(next))) {
      count += 1
      if (typeof inner === 'object' && inner !== null) left.push(inner)
    }
  }
  return count
}

function findRepeated(text: string): string | null {
  const names: Set<string>[] = []
  for (let at = 0; at < text.length; at++) {
    const letter = text[at]
    if (letter === '{') names.push(new Set())
    else if (letter === '}') names.pop()
    else if (letter === '"') {
      const end = textEnd(text, at)
      if (isName(text, end)) {
        const name: string = JSON.parse(text.slice(at, end))
        if (names.at(-1)?.has(name) === true) return name
        names.at(-1)?.add(name)
      }
      at = end - 1
    }
  }
  return null
}

/** Behind the quote that ends the text which begins at `start`. */
function textEnd(text: string, start: number): number {
  let at = text.indexOf('"', start + 1)
  while (at !== -1 && isEscaped(text, at)) at = text.indexOf('"', at + 1)
  return at === -1 ? text.length : at + 1
}

function isEscaped(text: string, at: number): boolean {
  let from = at
  while (text[from - 1] === '\\') from -= 1
  return (at - from) % 2 === 1
}

function isName(text: string, end: number): boolean {
  let at = end
  while (text.charCodeAt(at) <= 0x20) at += 1
  return text[at] === ':'
}
