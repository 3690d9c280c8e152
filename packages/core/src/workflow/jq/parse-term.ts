// Parse term
//
// A term and what hangs on it: `.a`, `"x"`, `f(1; 2)`, `{a, b: 1}`, `if … end`, `reduce …`, followed by any
// number of `.b`, `[0]`, `[1:2]`, `[]`, `?`.

import { Cursor } from './cursor.ts'
import type { Token } from './lex.ts'
import type { ObjectEntry, Pattern, StringPart, Syntax } from './syntax.ts'
import { JqSyntaxError } from './syntax-error.ts'

/** What a term may contain in turn. */
export interface Grammar {
  readonly query: (cursor: Cursor) => Syntax
  readonly expression: (cursor: Cursor) => Syntax
  readonly patterns: (cursor: Cursor) => readonly Pattern[]
}

const keywords: ReadonlySet<string> = new Set(
  (
    'def as if then elif else end reduce foreach try catch label import include module and or ' +
    '__loc__'
  ).split(' '),
)

const identity: Syntax = { type: 'identity' }

export function parsePostfix(cursor: Cursor, grammar: Grammar): Syntax {
  let term = parseTerm(cursor, grammar)
  for (;;) {
    const { token } = cursor
    if (token.type === 'field') {
      cursor.take()
      term = { type: 'index', target: term, key: { type: 'literal', value: token.text } }
    } else if (cursor.isAt('.') && cursor.following.type === 'string') {
      cursor.take()
      term = { type: 'index', target: term, key: parseString(cursor, grammar, '') }
    } else if (cursor.isAt('.') && cursor.following.text === '[') {
      cursor.take()
    } else if (cursor.skip('[')) {
      term = parseBrackets(cursor, grammar, term)
    } else if (cursor.skip('?')) {
      term = { type: 'try', body: term, handler: null }
    } else if (cursor.isAt('?//')) {
      cursor.splitAlternative()
      term = { type: 'try', body: term, handler: null }
    } else return term
  }
}

/** After the `[` of a suffix. */
function parseBrackets(cursor: Cursor, grammar: Grammar, target: Syntax): Syntax {
  if (cursor.skip(']')) return { type: 'iterate', target }
  if (cursor.skip(':')) {
    const to = grammar.query(cursor)
    cursor.expect(']')
    return { type: 'slice', target, from: null, to }
  }
  const key = grammar.query(cursor)
  if (cursor.skip(':')) {
    const to = cursor.isAt(']') ? null : grammar.query(cursor)
    cursor.expect(']')
    return { type: 'slice', target, from: key, to }
  }
  cursor.expect(']')
  return { type: 'index', target, key }
}

function parseTerm(cursor: Cursor, grammar: Grammar): Syntax {
  const { token } = cursor
  switch (token.type) {
    case 'number':
      cursor.take()
      // As in jq, a number beyond all doubles is the greatest one.
      return { type: 'literal', value: Math.min(Number.MAX_VALUE, Number(token.text)) }
    case 'string':
      return parseString(cursor, grammar, '')
    case 'format':
      cursor.take()
      if (cursor.token.type === 'string') return parseString(cursor, grammar, token.text)
      return { type: 'format', name: token.text }
    case 'variable':
      return parseVariable(cursor)
    case 'field':
      cursor.take()
      return { type: 'index', target: identity, key: { type: 'literal', value: token.text } }
    case 'name':
      return parseWord(cursor, grammar)
    case 'sign':
      return parseSign(cursor, grammar)
    case 'end':
      throw cursor.unexpected('expecting a term')
  }
}

function parseVariable(cursor: Cursor): Syntax {
  const { at } = cursor.token
  const name = cursor.expectVariable()
  return name === '__loc__' ? location() : { type: 'variable', name, at }
}

/** `$__loc__`: workflow expressions are single lines at the top level. */
function location(): Syntax {
  return { type: 'literal', value: { file: '<top-level>', line: 1 } }
}

function parseSign(cursor: Cursor, grammar: Grammar): Syntax {
  if (cursor.skip('..')) return { type: 'call', name: 'recurse', args: [], at: 0 }
  if (cursor.isAt('.')) {
    cursor.take()
    if (cursor.token.type !== 'string') return identity
    return { type: 'index', target: identity, key: parseString(cursor, grammar, '') }
  }
  if (cursor.skip('(')) {
    const body = grammar.query(cursor)
    cursor.expect(')')
    return body
  }
  if (cursor.skip('[')) {
    if (cursor.skip(']')) return { type: 'array', body: null }
    const body = grammar.query(cursor)
    cursor.expect(']')
    return { type: 'array', body }
  }
  if (cursor.skip('{')) return parseObject(cursor, grammar)
  throw cursor.unexpected('expecting a term')
}

function parseWord(cursor: Cursor, grammar: Grammar): Syntax {
  const { text, at } = cursor.token
  if (text === 'if') return parseIf(cursor, grammar)
  if (text === 'reduce' || text === 'foreach') return parseFold(cursor, grammar)
  if (text === 'break' && cursor.following.type === 'variable') {
    cursor.take()
    return { type: 'break', name: cursor.expectVariable(), at }
  }
  if (keywords.has(text)) throw cursor.unexpected('expecting a term')
  cursor.take()
  const args: Syntax[] = []
  if (cursor.skip('(')) {
    do args.push(grammar.query(cursor))
    while (cursor.skip(';'))
    cursor.expect(')')
  }
  const constant = constants.get(text)
  if (constant !== undefined && args.length === 0) return constant
  return { type: 'call', name: text, args, at }
}

const constants: ReadonlyMap<string, Syntax> = new Map([
  ['null', { type: 'literal', value: null }],
  ['true', { type: 'literal', value: true }],
  ['false', { type: 'literal', value: false }],
])

/** At `if` or `elif`; past `end`. */
function parseIf(cursor: Cursor, grammar: Grammar): Syntax {
  cursor.take()
  const condition = grammar.query(cursor)
  cursor.expect('then')
  const then = grammar.query(cursor)
  if (cursor.isAt('elif')) {
    return { type: 'if', condition, then, otherwise: parseIf(cursor, grammar) }
  }
  const otherwise = cursor.skip('else') ? grammar.query(cursor) : identity
  cursor.expect('end')
  return { type: 'if', condition, then, otherwise }
}

function parseFold(cursor: Cursor, grammar: Grammar): Syntax {
  const type = cursor.take().text === 'reduce' ? 'reduce' : 'foreach'
  const source = grammar.expression(cursor)
  cursor.expect('as')
  const patterns = grammar.patterns(cursor)
  cursor.expect('(')
  const start = grammar.query(cursor)
  cursor.expect(';')
  const update = grammar.query(cursor)
  const extract = type === 'foreach' && cursor.skip(';') ? grammar.query(cursor) : null
  cursor.expect(')')
  if (type === 'reduce') return { type, source, patterns, start, update }
  return { type, source, patterns, start, update, extract }
}

function parseObject(cursor: Cursor, grammar: Grammar): Syntax {
  const entries: ObjectEntry[] = []
  if (cursor.skip('}')) return { type: 'object', entries }
  do entries.push(parseEntry(cursor, grammar))
  while (cursor.skip(','))
  cursor.expect('}')
  return { type: 'object', entries }
}

function parseEntry(cursor: Cursor, grammar: Grammar): ObjectEntry {
  const { token } = cursor
  if (token.type === 'variable') {
    const value = parseVariable(cursor)
    const key: Syntax = { type: 'literal', value: token.text }
    if (token.text !== '__loc__' && cursor.skip(':')) {
      return { key: value, value: parseMember(cursor, grammar) }
    }
    return { key, value }
  }
  const isComputed = cursor.isAt('(')
  const key = parseKey(cursor, grammar, token)
  if (cursor.skip(':')) return { key, value: parseMember(cursor, grammar) }
  if (isComputed) throw cursor.unexpected('expecting :')
  return { key, value: { type: 'index', target: identity, key } }
}

function parseKey(cursor: Cursor, grammar: Grammar, token: Token): Syntax {
  if (token.type === 'name') {
    cursor.take()
    return { type: 'literal', value: token.text }
  }
  if (token.type === 'string') return parseString(cursor, grammar, '')
  if (token.type === 'format') {
    cursor.take()
    return cursor.token.type === 'string'
      ? parseString(cursor, grammar, token.text)
      : { type: 'format', name: token.text }
  }
  if (token.type === 'number') {
    throw new JqSyntaxError('May need parentheses around object key expression', token.at)
  }
  cursor.expect('(')
  const key = grammar.query(cursor)
  cursor.expect(')')
  if (key.type === 'literal' && typeof key.value !== 'string') {
    throw new JqSyntaxError('an object key must be a string', token.at)
  }
  return key
}

/** A member's value: pipes are allowed, commas part members. */
function parseMember(cursor: Cursor, grammar: Grammar): Syntax {
  const left = grammar.expression(cursor)
  return cursor.skip('|') ? { type: 'pipe', left, right: parseMember(cursor, grammar) } : left
}

/** A string token; what is interpolated passes through `format`. */
export function parseString(cursor: Cursor, grammar: Grammar, format: string): Syntax {
  const token = cursor.take()
  if (token.type !== 'string') throw new JqSyntaxError('expecting a string', token.at)
  const parts = token.parts.map((part): StringPart => {
    if (typeof part === 'string') return part
    const inner = new Cursor(part)
    const query = grammar.query(inner)
    inner.expectEnd()
    return query
  })
  const [text] = parts
  if (parts.length === 1 && typeof text === 'string') return { type: 'literal', value: text }
  return { type: 'string', format, parts }
}
