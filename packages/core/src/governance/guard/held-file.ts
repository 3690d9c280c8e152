// Held file
//
// What a request holds, or leads to, that is none of its texts: images, sounds, documents. One that is plain text in
// Base64 is looked through like any other text; of others it is known what they are, and no more.

import { isTextType, type JsonObject, textOf } from '../../dialect/index.ts'
import { base64OfText, textOfBase64 } from '../../resource/index.ts'

export type HeldFile =
  | HeldText
  /** `what` is its media type, where that is said. */
  | { readonly kind: 'unread'; readonly what: string }

export interface HeldText {
  readonly kind: 'text'
  readonly text: string
  /** Another text in its place. */
  readonly written: (text: string) => string
}

export interface HeldMember {
  readonly name: string
  /** The name of the member whose object, or list of objects, it is a member of. */
  readonly owner: string
  readonly value: () => string
  /** That object. */
  readonly object: () => JsonObject
}

// Wherever they stand.
const files: ReadonlySet<string> = new Set([
  ...['file_data', 'image_url', 'file_url', 'fileUri', 'file_uri'],
])
// In the members that hold one.
const contents: ReadonlySet<string> = new Set(['data', 'url'])
const holders: ReadonlySet<string> = new Set([
  ...['inlineData', 'inline_data', 'source', 'input_audio', 'image_url', 'video_url'],
])
const asking: ReadonlySet<string> = new Set(['content', 'output', 'file', 'source']) // not citing

/** Null for what is no file. */
export function heldFile({ name, owner, value: said, object }: HeldMember): HeldFile | null {
  if (name === 'file_id') return asking.has(owner) ? { kind: 'unread', what: 'stored' } : null
  if (!files.has(name) && !(contents.has(name) && holders.has(owner))) return null
  const value = said()
  const before = dataUrlHead(value)
  if (before === '' && linkForm.test(value)) return { kind: 'unread', what: 'link' }
  const type = before === '' ? mediaTypeIn(object()) : before.slice(scheme.length, -1)
  const mediaType = withoutParameters(type).toLowerCase()
  const isBase64 = before === '' || /;base64,$/i.test(before)
  const text = isBase64 ? heldText(mediaType, value.slice(before.length)) : null
  if (text !== null) return { ...text, written: (other) => before + text.written(other) }
  const isNamed = /^[\w.+-]{1,64}\/[\w.+-]{1,64}$/.test(mediaType)
  return { kind: 'unread', what: isNamed ? mediaType : 'of no said type' }
}

const scheme = 'data:'

/** What stands before the data (RFC 2397); empty where it is no such URL. */
function dataUrlHead(value: string): string {
  const isOne = value.slice(0, scheme.length).toLowerCase() === scheme
  return isOne ? value.slice(0, value.indexOf(',') + 1) : ''
}

const linkForm = /^[a-z][a-z\d+.-]*:\/\//i

function mediaTypeIn(object: JsonObject): string {
  const { mimeType, mime_type, media_type, format } = object
  const said = textOf(mimeType ?? mime_type ?? media_type)
  if (said !== '') return said
  return typeof format === 'string' ? `audio/${format}` : ''
}

function withoutParameters(mediaType: string): string {
  const [type = ''] = mediaType.split(';', 1)
  return type
}

/** What data in Base64 say; null for what is no text. */
export function heldText(mediaType: string, data: string): HeldText | null {
  if (!isTextType(withoutParameters(mediaType))) return null
  // Engines take lines, and the letters that addresses may have.
  const letters = data.replace(/\s+/g, '').replaceAll('-', '+').replaceAll('_', '/')
  const text = textOfBase64(letters)
  return text === null ? null : { kind: 'text', text, written: base64OfText }
}
