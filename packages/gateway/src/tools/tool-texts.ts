// Tool texts
//
// What the arguments and results of tools say, and the same value with other texts in its place. Every string is a text,
// whatever its member is called: an address or a name may hold what must not go out. So is every number: a card has one.
// Only media in base64 are none, and these stand in the `content` of a result alone; a resource that is text in base64 is
// one.

import { heldText } from '@tutti/core/governance'
import { ExactNumber } from '@tutti/core/resource'

type Owner = Readonly<Record<string, unknown>>

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
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return said(value, each)
  const members = Object.entries(value).map(([name, of]) => [
    name,
    name === 'content' ? said(of, each, isMedia) : said(of, each),
  ])
  return Object.fromEntries(members)
}

function said(
  value: unknown,
  each: (text: string) => string,
  isNone: (owner: Owner, member: string) => boolean = () => false,
): unknown {
  if (typeof value === 'string') return each(value)
  if (typeof value === 'number') {
    const text = each(`${value}`)
    return text === `${value}` ? value : text
  }
  if (value instanceof ExactNumber) {
    const text = each(value.digits)
    return text === value.digits ? value : text
  }
  if (Array.isArray(value)) return value.map((one) => said(one, each, isNone))
  if (typeof value !== 'object' || value === null) return value
  const owner = value as Owner
  const members = Object.entries(owner).map(([name, of]) => [
    name,
    isNone(owner, name) ? saidMedium(owner, name, each) : said(of, each, isNone),
  ])
  return Object.fromEntries(members)
}

function saidMedium(owner: Owner, name: string, each: (text: string) => string): unknown {
  const { mimeType, [name]: data } = owner
  if (name !== 'blob' || typeof mimeType !== 'string' || typeof data !== 'string') return data
  const held = heldText(mimeType, data)
  if (held === null) return data
  const after = each(held.text)
  return after === held.text ? data : held.written(after)
}

/** As the protocol has them: images, sounds and resources in base64, and what they are. */
function isMedia(owner: Owner, member: string): boolean {
  if (member === 'blob') return typeof owner['uri'] === 'string'
  const isTold = owner['type'] === 'image' || owner['type'] === 'audio'
  return isTold && (member === 'data' || member === 'type' || member === 'mimeType')
}
