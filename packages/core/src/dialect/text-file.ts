// Text file
//
// A file that is plain text (`text/…`, JSON) is said as a text, after its name: every dialect has texts, and few have
// such files. One that is not UTF-8 stays a file, which has no counterpart.

import { textOfBase64 } from '../resource/index.ts'
import type { Part } from './chat.ts'

/** What a part says, and of a result of a tool what it shows. */
export function saidFiles(part: Part): readonly Part[] {
  if (part.kind === 'tool-result') return [{ ...part, parts: part.parts.flatMap(saidFiles) }]
  if (part.kind !== 'document' || part.source.kind === 'url') return [part]
  const { mediaType, data } = part.source
  const text = isTextType(mediaType) ? textOfBase64(data) : null
  return text === null ? [part] : namedText(part.name, text)
}

const textTypes = /^(text\/|application\/json$)/i

/** Without its parameters. */
export function isTextType(mediaType: string): boolean {
  return textTypes.test(mediaType)
}

export function namedText(name: string | undefined, text: string): readonly Part[] {
  const said = { kind: 'text', text } as const
  return name === undefined || name === '' ? [said] : [{ kind: 'text', text: `${name}:` }, said]
}
