// Tool texts
//
// What the arguments and results of tools say, and the same value with other texts in its place. Every string is a text,
// whatever its member is called: an address or a name may hold what must not go out. So is every number: a card has one.
// Only media in base64 are none.

import { ExactNumber } from '@tutti/core/resource'

type Media = (owner: Readonly<Record<string, unknown>>, member: string) => boolean

/** In the order in which `withTexts` puts them back. */
export function textsOf(value: unknown): readonly string[] {
  const texts: string[] = []
  rewrite(value, (text) => {
    texts.push(text)
    return text
  })
  return texts
}

/** `texts` are as many as `textsOf` gave. */
export function withTexts<Value>(value: Value, texts: readonly string[]): Value {
  let at = 0
  return rewrite(value, (text) => texts[at++] ?? text) as Value
}

function rewrite(value: unknown, each: (text: string) => string): unknown {
  if (typeof value === 'string') return each(value)
  if (typeof value === 'number') {
    const text = each(`${value}`)
    return text === `${value}` ? value : text
  }
  if (value instanceof ExactNumber) {
    const text = each(value.digits)
    return text === value.digits ? value : text
  }
  if (Array.isArray(value)) return value.map((one) => rewrite(one, each))
  if (typeof value !== 'object' || value === null) return value
  const owner = value as Readonly<Record<string, unknown>>
  const members = Object.entries(owner).map(([name, of]) => [
    name,
    isMedia(owner, name) ? of : rewrite(of, each),
  ])
  return Object.fromEntries(members)
}

/** As the protocol has them: images, sounds and resources in base64, and what they are. */
const isMedia: Media = (owner, member) => {
  if (member === 'blob') return typeof owner['uri'] === 'string'
  const isTold = owner['type'] === 'image' || owner['type'] === 'audio'
  return isTold && (member === 'data' || member === 'type' || member === 'mimeType')
}
