// Called tools
//
// Anthropic and Bedrock refuse a conversation with calls in it and no tools, as it is where another agent goes on, or
// where the last turn asks for an answer in a form. They are told the names that were called, and nothing of how.

import type { ChatRequest, Tool } from './chat.ts'

/** The tools of a request; where it has none, those that were called in it. */
export function calledTools({ tools, messages }: ChatRequest): readonly Tool[] {
  if (tools.length > 0) return tools
  const parts = messages.flatMap((message) => message.parts)
  const names = new Set(parts.flatMap((part) => (part.kind === 'tool-call' ? [part.name] : [])))
  return [...names].map((name) => ({ name, parameters: { type: 'object', properties: {} } }))
}
