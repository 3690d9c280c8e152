// Lex
//
// The text of a jq expression → tokens. A string with interpolations is one token that holds the tokens
// of what is interpolated.

import { JqSyntaxError } from './syntax-error.ts'

export type Token =
  | {
      readonly type: 'name' | 'variable' | 'field' | 'format'
      readonly text: string
      readonly at: number
    }
  | { readonly type: 'number'; readonly text: string; readonly at: number }
  | {
      readonly type: 'string'
      readonly parts: readonly TokenPart[]
      readonly text: ''
      readonly at: number
    }
  | { readonly type: 'sign'; readonly text: string; readonly at: number }
  | { readonly type: 'end'; readonly text: ''; readonly at: number }
export type TokenPart = string | readonly Token[]

const blank = /(?:[ \t\r\n]+|#(?:\\\r?\n|\\[^\r\n]|[^\\\r\n])*)+/y
const fieldWord = /\.([a-zA-Z_][a-zA-Z0-9_]*)/y
const variableWord = /\$\s*([a-zA-Z_][a-zA-Z0-9_]*(?:::[a-zA-Z_][a-zA-Z0-9_]*)*)/y
const nameWord = /[a-zA-Z_][a-zA-Z0-9_]*(?:::[a-zA-Z_][a-zA-Z0-9_]*)*/y
const formatWord = /@[a-zA-Z0-9_]+/y
const numberWord = /(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?/y
const sign = /\?\/\/|\/\/=|\|=|\+=|-=|\*=|\/=|%=|==|!=|<=|>=|\/\/|\.\.|[.[\]{}()|,:;=<>+\-*/%?$]/y
const escapes: Readonly<Record<string, string>> = {
  '"': '"',
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
}

/** All tokens of the source, the last one `end`. */
export function lex(source: string): readonly Token[] {
  const { tokens, next } = lexUntil(source, 0, false)
  if (next < source.length) throw new JqSyntaxError('unexpected )', next)
  return tokens
}

/** Reads until the end, or, inside an interpolation, until its closing parenthesis. */
function lexUntil(
  source: string,
  start: number,
  isInside: boolean,
): { readonly tokens: readonly Token[]; readonly next: number } {
  const tokens: Token[] = []
  let open = 0
  let at = start
  for (;;) {
    at += wordAt(blank, source, at)?.[0].length ?? 0
    if (at >= source.length) {
      if (isInside) throw new JqSyntaxError('an interpolation is not closed', start)
      break
    }
    if (source[at] === '"') {
      const string = lexString(source, at)
      tokens.push(string.token)
      at = string.next
      continue
    }
    const read = lexWord(source, at)
    if (read.token.text === '(') open += 1
    if (read.token.text === ')' && open-- === 0 && isInside) break
    tokens.push(read.token)
    at = read.next
  }
  tokens.push({ type: 'end', text: '', at })
  return { tokens, next: at }
}

function lexWord(source: string, at: number): { readonly token: Token; readonly next: number } {
  const isAfterDot = /[\d]/.test(source[at + 1] ?? '')
  const kinds = [
    ['field', isAfterDot ? null : wordAt(fieldWord, source, at)],
    ['variable', wordAt(variableWord, source, at)],
    ['name', wordAt(nameWord, source, at)],
    ['format', wordAt(formatWord, source, at)],
    ['number', wordAt(numberWord, source, at)],
    ['sign', wordAt(sign, source, at)],
  ] as const
  for (const [type, found] of kinds) {
    if (found === null) continue
    const text = found[1] ?? found[0]
    return { token: { type, text, at }, next: at + found[0].length }
  }
  throw new JqSyntaxError(`unexpected ${JSON.stringify(source[at])}`, at)
}

function lexString(
  source: string,
  start: number,
): { readonly token: Token; readonly next: number } {
  const parts: TokenPart[] = []
  let text = ''
  let at = start + 1
  for (;;) {
    const character = source[at]
    if (character === undefined) throw new JqSyntaxError('a string is not closed', start)
    if (character === '"') break
    if (character !== '\\') {
      text += character
      at += 1
      continue
    }
    if (source[at + 1] === '(') {
      const inner = lexUntil(source, at + 2, true)
      parts.push(text, inner.tokens)
      text = ''
      at = inner.next + 1
      continue
    }
    const escaped = readEscape(source, at)
    text += escaped.text
    at += escaped.length
  }
  parts.push(text)
  return { token: { type: 'string', parts, text: '', at: start }, next: at + 1 }
}

function readEscape(
  source: string,
  at: number,
): { readonly text: string; readonly length: number } {
  const letter = source[at + 1] ?? ''
  const simple = escapes[letter]
  if (simple !== undefined) return { text: simple, length: 2 }
  const digits = /^u([0-9a-fA-F]{4})/.exec(source.slice(at + 1, at + 6))?.[1]
  if (digits === undefined) throw new JqSyntaxError(`invalid escape \\${letter}`, at)
  return { text: String.fromCharCode(Number.parseInt(digits, 16)), length: 6 }
}

function wordAt(pattern: RegExp, source: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at
  return pattern.exec(source)
}
