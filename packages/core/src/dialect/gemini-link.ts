// Gemini link
//
// An image or a PDF that stands at an address. Google fetches those of the web itself, for all models after Gemini 2.0,
// and wants to be told of what type they are; what it holds itself has an address, too, that nobody else can read.

import { z } from 'zod'
import type { Part } from './chat.ts'
import { type Unsayable, unsayable } from './unsayable.ts'

type Media = Extract<Part, { kind: 'image' | 'document' }>

/** What it fetches, by the end of the path. */
const imageTypes = new Map([
  ['png', 'image/png'],
  ['jpg', 'image/jpeg'],
  ['jpeg', 'image/jpeg'],
  ['webp', 'image/webp'],
  ['bmp', 'image/bmp'],
])
const fetched = /^https:\/\/[^/?#]+\/[^?#]*?(?:\.(\w{3,4}))?(?:[?#].*)?$/is

export function writeGeminiLink(kind: Media['kind'], fileUri: string, model: string) {
  const found = fetched.exec(fileUri)
  const ending = found?.[1]?.toLowerCase() ?? ''
  const mimeType = kind === 'document' ? 'application/pdf' : imageTypes.get(ending)
  if (/gemini-(1\b|2\.0)/.test(model)) return refused('this model takes images as data, no URL')
  if (found === null) return refused('Gemini fetches what is at https: alone')
  if (mimeType === undefined) {
    return refused('Gemini fetches images whose address ends with their type (.png, .jpg, .webp)')
  }
  return { fileData: { mimeType, fileUri } }
}

function refused(why: string): Unsayable {
  return unsayable('messages', why)
}

export const geminiLink = z.strictObject({
  fileUri: z
    .string()
    .regex(/^https?:\/\/(?!generativelanguage\.)/i, 'what Google holds has no counterpart'),
  mimeType: z
    .string()
    .regex(/^(image\/|application\/pdf$)/i, 'of what is linked images and PDF have a counterpart'),
})

export function readGeminiLink({ fileUri: url, mimeType }: z.infer<typeof geminiLink>): Media {
  const source = { kind: 'url', url } as const
  return /^image/i.test(mimeType) ? { kind: 'image', source } : { kind: 'document', source }
}
