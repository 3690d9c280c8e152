// Media apart
//
// Results of tools in which images and documents stand, for engines whose results are texts alone: what is no text
// follows the results, among what the user says, and each result says where. Numbers are counted from the beginning of
// the conversation, so that prompts stay cached.

import type { Message, Part } from './chat.ts'

type Result = Extract<Part, { kind: 'tool-result' }>

/** Results come before what else their message says (`saidMessages`). */
export function mediaApart(messages: readonly Message[]): readonly Message[] {
  if (!messages.some(({ parts }) => parts.some(holdsMedia))) return messages
  let count = 0
  return messages.map(({ role, parts }) => {
    const results: Part[] = []
    const shown: Part[] = []
    const rest: Part[] = []
    for (const part of parts) {
      if (part.kind !== 'tool-result') rest.push(part)
      else {
        const texts = part.parts.map((one): Part => {
          if (!isMedia(one)) return one
          count += 1
          const label = `[${one.kind} ${count}]`
          shown.push({ kind: 'text', text: `${label}:` }, one)
          return { kind: 'text', text: label }
        })
        results.push({ ...part, parts: texts })
      }
    }
    return { role, parts: [...results, ...shown, ...rest] }
  })
}

function holdsMedia(part: Part): boolean {
  return part.kind === 'tool-result' && part.parts.some(isMedia)
}

function isMedia({ kind }: Result['parts'][number]): boolean {
  return kind === 'image' || kind === 'document'
}
