// Plain call ids
//
// Ids of calls as their reader takes them: Anthropic and Bedrock letters, digits, `_` and `-`, at most 64; Mistral's
// models nine letters and digits. Engines of other dialects write what they like (`functions.weather:0`).
//
// Invariants:
//   P1. A result still names its call, and no two ids become one.
//   P2. An id that may stay does. Another becomes the same one in the next turn, so that prompts stay cached, unless
//       that turn brings an id that may stay and is written so.

import type { Message, Part } from './chat.ts'

interface IdForm {
  readonly plain: RegExp
  /** One that may stay, made of one that may not. */
  readonly made: (id: string) => string
  /** The same with a number, from 2. */
  readonly numbered: (made: string, count: number) => string
}

const headMax = 56 // leaves room for a number behind it

const named: IdForm = {
  plain: /^[a-zA-Z0-9_-]{1,64}$/,
  made: (id) => id.replaceAll(/[^a-zA-Z0-9_-]/g, '_').slice(0, headMax) || 'call',
  numbered: (made, count) => `${made}_${count}`,
}

const ofNine: IdForm = {
  plain: /^[a-zA-Z0-9]{9}$/,
  // What chance there is in an id is at its end.
  made: (id) =>
    id
      .replaceAll(/[^a-zA-Z0-9]/g, '')
      .slice(-9)
      .padStart(9, '0'),
  numbered: (made, count) => `${made.slice(0, 9 - `${count}`.length)}${count}`,
}

export function plainCallIds(messages: readonly Message[]): readonly Message[] {
  return callIdsAs(named, messages)
}

export function callIdsOfNine(messages: readonly Message[]): readonly Message[] {
  return callIdsAs(ofNine, messages)
}

function callIdsAs(form: IdForm, messages: readonly Message[]): readonly Message[] {
  const { plain } = form
  const ids = new Set(messages.flatMap(({ parts }) => parts.flatMap(idsOf)))
  const others = [...ids].filter((id) => !plain.test(id))
  if (others.length === 0) return messages
  const taken = new Set([...ids].filter((id) => plain.test(id))) // P2
  const counts = new Map<string, number>() // by head, so that none is tried twice
  const made = new Map<string, string>()
  for (const id of others) {
    const head = form.made(id)
    let count = counts.get(head) ?? 1
    let name = head
    while (taken.has(name)) {
      count += 1
      name = form.numbered(head, count) // P1
    }
    counts.set(head, count)
    taken.add(name)
    made.set(id, name)
  }
  const renamed = (part: Part): Part =>
    'id' in part ? { ...part, id: made.get(part.id) ?? part.id } : part
  return messages.map(({ role, parts }) => ({ role, parts: parts.map(renamed) }))
}

function idsOf(part: Part): string[] {
  return 'id' in part ? [part.id] : []
}
