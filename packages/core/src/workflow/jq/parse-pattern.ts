// Parse pattern
//
// What stands after `as`: a variable, or arrays and objects of them, with alternatives after `?//`.

import type { Cursor } from './cursor.ts'
import { type Grammar, parseString } from './parse-term.ts'
import type { Pattern, PatternEntry } from './syntax.ts'
import { JqSyntaxError } from './syntax-error.ts'

export function parsePatterns(cursor: Cursor, grammar: Grammar): readonly Pattern[] {
  const patterns = [parsePattern(cursor, grammar)]
  while (cursor.skip('?//')) patterns.push(parsePattern(cursor, grammar))
  return patterns
}

function parsePattern(cursor: Cursor, grammar: Grammar): Pattern {
  if (cursor.skip('[')) {
    const items: Pattern[] = []
    do items.push(parsePattern(cursor, grammar))
    while (cursor.skip(','))
    cursor.expect(']')
    return { type: 'array', items }
  }
  if (cursor.skip('{')) {
    const entries: PatternEntry[] = []
    do entries.push(parseEntry(cursor, grammar))
    while (cursor.skip(','))
    cursor.expect('}')
    return { type: 'object', entries }
  }
  return { type: 'variable', name: cursor.expectVariable() }
}

function parseEntry(cursor: Cursor, grammar: Grammar): PatternEntry {
  if (cursor.token.type === 'variable') {
    const variable = cursor.expectVariable()
    const value = cursor.skip(':') ? parsePattern(cursor, grammar) : null
    return { key: { type: 'literal', value: variable }, variable, value }
  }
  const key = parseKey(cursor, grammar)
  cursor.expect(':')
  return { key, variable: null, value: parsePattern(cursor, grammar) }
}

function parseKey(cursor: Cursor, grammar: Grammar): PatternEntry['key'] {
  const { type, text, at } = cursor.token
  if (type === 'name') {
    cursor.take()
    return { type: 'literal', value: text }
  }
  if (type === 'string') return parseString(cursor, grammar, '')
  cursor.expect('(')
  const key = grammar.query(cursor)
  cursor.expect(')')
  if (key.type === 'literal' && typeof key.value !== 'string') {
    throw new JqSyntaxError('an object key must be a string', at)
  }
  return key
}
