// Body line
//
// One line of `bodies.jsonl`: what the entry at an index commits to, or that it was erased. Only
// the form that `formatBodyLine` writes is accepted, to the byte.

import { decodeBase64, encodeBase64 } from '../text.ts'
import { saltBytes } from './commitment.ts'

export type BodyLine =
  | { readonly index: number; readonly salt: Uint8Array; readonly body: string }
  | { readonly index: number; readonly erased: true }

/** The line of a body, without its newline. */
export function formatBodyLine(line: BodyLine): string {
  const { index } = line
  if ('erased' in line) return JSON.stringify({ index, erased: true })
  return JSON.stringify({ index, salt: encodeBase64(line.salt), body: line.body })
}

/** The body that a line spells; null when it is not in canonical form. */
export function parseBodyLine(text: string): BodyLine | null {
  const line = readBodyLine(text)
  return line !== null && formatBodyLine(line) === text ? line : null
}

function readBodyLine(text: string): BodyLine | null {
  const value = parseObject(text)
  const index = value?.['index']
  if (typeof index !== 'number' || !Number.isSafeInteger(index) || index < 0) return null
  if (value?.['erased'] === true) return { index, erased: true }
  const saltText = value?.['salt']
  const body = value?.['body']
  if (typeof saltText !== 'string' || typeof body !== 'string') return null
  const salt = decodeBase64(saltText)
  return salt?.length === saltBytes ? { index, salt, body } : null
}

/** The object that a JSON text spells, its fields still unknown; null for anything else. */
export function parseObject(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(text)
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
    return isObject ? { ...value } : null
  } catch {
    return null
  }
}
