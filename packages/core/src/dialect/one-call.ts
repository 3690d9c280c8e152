// One call
//
// Callers may want one call of a tool at a time. Gemini and Converse have no word for that, and engines of one's own
// pass over it: so the first call of an answer is told, and no other. Its model is asked again with the result.

import type { ChatEvent, Part } from './chat.ts'
import { type JsonObject, objectOf } from './json.ts'

/** Of a caller's own request, in any dialect that has a word for it. */
export function wantsOneCall({ parallel_tool_calls: parallel, tool_choice: choice }: JsonObject) {
  return parallel === false || objectOf(choice)['disable_parallel_tool_use'] === true
}

/** True for what of a stream belongs to a call after the first; calls are counted from 0 there. */
export function isFurtherCall(event: ChatEvent): boolean {
  return (event.kind === 'tool-start' || event.kind === 'tool-arguments') && event.index > 0
}

export function withOneCall(parts: readonly Part[]): readonly Part[] {
  const first = parts.findIndex(({ kind }) => kind === 'tool-call')
  return parts.filter(({ kind }, i) => kind !== 'tool-call' || i === first)
}
