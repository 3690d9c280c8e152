// Merge messages
//
// Neighbours of one role become one message: dialects differ in whether results of tools, or parts of one turn, are
// messages of their own. Files that are text become texts.

import type { Message, Part } from './chat.ts'
import { saidFiles } from './text-file.ts'

export function mergeMessages(messages: readonly Message[]): Message[] {
  const merged: Message[] = []
  let parts: Part[] = [] // of the last one; a thousand neighbours are copied once
  for (const message of messages) {
    if (merged.at(-1)?.role !== message.role) {
      parts = []
      merged.push({ ...message, parts })
    }
    for (const part of message.parts) parts.push(...saidFiles(part))
  }
  return merged
}

/** What an answer is for, said where every dialect has a place for it. */
export function describedSchema(schema: Schema, description: string | undefined): Schema {
  if (description === undefined) return schema
  const own = schema['description']
  const both = typeof own === 'string' ? `${description}\n${own}` : description
  return { ...schema, description: both }
}

type Schema = Readonly<Record<string, unknown>>

/** What a data URL holds, or any other one leads to. */
export function mediaSourceOf(url: string) {
  const [, mediaType, data] = /^data:([\w.+/-]+)(?:;charset=utf-8)?;base64,(.*)$/is.exec(url) ?? []
  return mediaType === undefined || data === undefined
    ? ({ kind: 'url', url } as const)
    : ({ kind: 'data', mediaType, data } as const)
}
