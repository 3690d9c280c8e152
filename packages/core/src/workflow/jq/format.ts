// Format
//
// `@text`, `@json`, `@csv`, `@tsv`, `@html`, `@uri`, `@urid`, `@sh`, `@base64`, `@base64d`: a value as text of
// that form.

import { base64OfText, type Json } from '../../resource/index.ts'
import { describe, fail } from './jq-error.ts'
import { writeJson } from './json-text.ts'
import type { Run } from './run.ts'
import { isArray } from './value.ts'

export type Format = (value: Json, run: Run) => string

export const formats: ReadonlyMap<string, Format> = new Map<string, Format>([
  ['@text', (value, run) => run.text(textOf(value))],
  ['@json', (value, run) => run.text(writeJson(value))],
  ['@csv', (value, run) => run.text(row(value, 'csv', ',', quoteCsv))],
  ['@tsv', (value, run) => run.text(row(value, 'tsv', '\t', escapeTsv))],
  ['@html', (value, run) => run.text(escapeHtml(textOf(value)))],
  ['@uri', (value, run) => run.text(escapeUri(textOf(value)))],
  ['@urid', (value, run) => run.text(unescapeUri(textOf(value), value))],
  ['@sh', (value, run) => run.text(quoteShell(value))],
  ['@base64', (value, run) => run.text(base64OfText(textOf(value)))],
  ['@base64d', (value, run) => run.text(fromBase64(textOf(value), value))],
])

export function textOf(value: Json): string {
  return typeof value === 'string' ? value : writeJson(value)
}

function row(
  value: Json,
  name: string,
  separator: string,
  quote: (text: string) => string,
): string {
  if (!isArray(value)) {
    return fail(`${describe(value)} cannot be ${name}-formatted, only an array can be`)
  }
  return value
    .map((cell) => {
      if (cell === null) return ''
      if (typeof cell === 'string') return quote(cell)
      if (typeof cell === 'object') return fail(`${describe(cell)} is not valid in a csv row`)
      return writeJson(cell)
    })
    .join(separator)
}

function quoteCsv(text: string): string {
  return `"${text.replaceAll('"', '""')}"`
}

const tsvEscapes: Readonly<Record<string, string>> = {
  '\\': '\\\\',
  '\t': '\\t',
  '\n': '\\n',
  '\r': '\\r',
}

function escapeTsv(text: string): string {
  return text.replace(/[\\\t\n\r]/g, (character) => tsvEscapes[character] ?? character)
}

const htmlEscapes: Readonly<Record<string, string>> = {
  '<': '&lt;',
  '>': '&gt;',
  '&': '&amp;',
  "'": '&apos;',
  '"': '&quot;',
}

function escapeHtml(text: string): string {
  return text.replace(/[<>&'"]/g, (character) => htmlEscapes[character] ?? character)
}

function quoteShell(value: Json): string {
  return (isArray(value) ? value : [value])
    .map((word) => {
      if (typeof word === 'string') return `'${word.replaceAll("'", "'\\''")}'`
      if (typeof word === 'object' && word !== null) {
        return fail(`${describe(word)} can not be escaped for shell`)
      }
      return writeJson(word)
    })
    .join(' ')
}

function escapeUri(text: string): string {
  return encodeURIComponent(wellFormed(text)).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  )
}

const loneSurrogate = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g

function wellFormed(text: string): string {
  return text.replace(loneSurrogate, '\ufffd')
}

function unescapeUri(text: string, value: Json): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return fail(`${describe(value)} is not a valid uri encoding`)
  }
}

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'

function fromBase64(text: string, value: Json): string {
  const body = text.replace(/=+$/, '')
  const digits = [...body].map((letter) => alphabet.indexOf(letter))
  if (digits.includes(-1) || digits.length % 4 === 1) {
    return fail(`${describe(value)} is not valid base64 data`)
  }
  const bytes: number[] = []
  for (let i = 0; i < digits.length; i += 4) {
    const some = digits.slice(i, i + 4)
    const group = [0, 1, 2, 3].reduce((all, k) => (all << 6) | (some[k] ?? 0), 0)
    for (let k = 0; k < some.length - 1; k++) bytes.push((group >> (16 - 8 * k)) & 255)
  }
  return textOfUtf8(bytes)
}

/** UTF-8 to text; what is none becomes the replacement character. */
function textOfUtf8(bytes: readonly number[]): string {
  let text = ''
  for (let i = 0; i < bytes.length; ) {
    const first = bytes[i] ?? 0
    const length = first < 0x80 ? 1 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc2 ? 2 : 0
    const encoded = bytes
      .slice(i, i + Math.max(1, length))
      .map((byte) => `%${byte.toString(16).padStart(2, '0')}`)
      .join('')
    try {
      text += decodeURIComponent(encoded)
      i += Math.max(1, length)
    } catch {
      text += '\ufffd'
      i += 1
    }
  }
  return text
}
