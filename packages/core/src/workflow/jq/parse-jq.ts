// Parse jq
//
// Tokens → syntax tree, by precedence: `|` binds least, then `,`, `//`, assignments, `or`, `and`,
// comparisons, sums, products. `def`, `as` and `label` take everything to their right. The grammar is
// that of jq 1.8.

import { Cursor } from './cursor.ts'
import { lex } from './lex.ts'
import { parsePatterns } from './parse-pattern.ts'
import { type Grammar, parsePostfix } from './parse-term.ts'
import type { AssignOperator, BinaryOperator, Definition, Syntax } from './syntax.ts'

/** @throws JqSyntaxError where the source is no jq. */
export function parseJq(source: string): Syntax {
  const cursor = new Cursor(lex(source))
  if (cursor.token.type === 'end') return { type: 'identity' }
  for (const word of ['import', 'include', 'module']) {
    if (cursor.isAt(word)) throw cursor.unexpected('modules are not part of workflow expressions')
  }
  const query = parseQuery(cursor)
  cursor.expectEnd()
  return query
}

/** The definitions of a library: `def …; def …;`. */
export function parseDefinitions(source: string): readonly Definition[] {
  const cursor = new Cursor(lex(source))
  const definitions: Definition[] = []
  while (cursor.skip('def')) definitions.push(parseDefinition(cursor))
  cursor.expectEnd()
  return definitions
}

const grammar: Grammar = {
  query: parseQuery,
  expression: (cursor) => parseBinary(cursor, 0),
  patterns: (cursor) => parsePatterns(cursor, grammar),
}

function parseQuery(cursor: Cursor): Syntax {
  if (cursor.skip('def')) {
    const definition = parseDefinition(cursor)
    return { type: 'define', definition, body: parseQuery(cursor) }
  }
  const left = parseComma(cursor)
  if (!cursor.skip('|')) return left
  return { type: 'pipe', left, right: parseQuery(cursor) }
}

function parseDefinition(cursor: Cursor): Definition {
  const name = takeName(cursor)
  const parameters: string[] = []
  if (cursor.skip('(')) {
    do {
      parameters.push(
        cursor.token.type === 'variable' ? `$${cursor.expectVariable()}` : takeName(cursor),
      )
    } while (cursor.skip(';'))
    cursor.expect(')')
  }
  cursor.expect(':')
  const body = parseQuery(cursor)
  cursor.expect(';')
  // `def f($a): body` is `def f(a): a as $a | body`.
  const wrapped = parameters
    .filter((parameter) => parameter.startsWith('$'))
    .reduceRight<Syntax>((inner, parameter) => {
      const variable = parameter.slice(1)
      return {
        type: 'bind',
        source: { type: 'call', name: variable, args: [], at: 0 },
        patterns: [{ type: 'variable', name: variable }],
        body: inner,
      }
    }, body)
  return { name, parameters: parameters.map((one) => one.replace('$', '')), body: wrapped }
}

function takeName(cursor: Cursor): string {
  const { type, text } = cursor.token
  if (type !== 'name') throw cursor.unexpected('expecting a name')
  cursor.take()
  return text
}

function parseComma(cursor: Cursor): Syntax {
  let left = parseBinding(cursor)
  while (cursor.skip(',')) left = { type: 'comma', left, right: parseBinding(cursor) }
  return left
}

function parseBinding(cursor: Cursor): Syntax {
  if (cursor.isAt('def')) return parseQuery(cursor)
  if (cursor.isAt('label') && cursor.following.type === 'variable') {
    cursor.take()
    const name = cursor.expectVariable()
    cursor.expect('|')
    return { type: 'label', name, body: parseQuery(cursor) }
  }
  const source = parseBinary(cursor, 0)
  if (!cursor.skip('as')) return source
  const patterns = parsePatterns(cursor, grammar)
  cursor.expect('|')
  return { type: 'bind', source, patterns, body: parseQuery(cursor) }
}

interface Operator {
  readonly rank: number
  readonly side: 'left' | 'right' | 'none'
}

const ranks: readonly (Operator & { readonly texts: string })[] = [
  { texts: '//', rank: 1, side: 'right' },
  { texts: '= |= += -= *= /= %= //=', rank: 2, side: 'none' },
  { texts: 'or', rank: 3, side: 'left' },
  { texts: 'and', rank: 4, side: 'left' },
  { texts: '== != < <= > >=', rank: 5, side: 'none' },
  { texts: '+ -', rank: 6, side: 'left' },
  { texts: '* / %', rank: 7, side: 'left' },
]

const operators: ReadonlyMap<string, Operator> = new Map(
  ranks.flatMap(({ texts, rank, side }) => texts.split(' ').map((text) => [text, { rank, side }])),
)

function parseBinary(cursor: Cursor, rankMin: number): Syntax {
  let left = parseUnary(cursor)
  let closed = Number.POSITIVE_INFINITY // the rank of a comparison that may not be continued
  for (;;) {
    const { type, text } = cursor.token
    const operator = type === 'sign' || type === 'name' ? operators.get(text) : undefined
    if (operator === undefined || operator.rank < rankMin) return left
    if (operator.rank === closed) throw cursor.unexpected('comparisons do not chain')
    cursor.take()
    const right = parseBinary(cursor, operator.side === 'right' ? operator.rank : operator.rank + 1)
    left = joinOperands(text, left, right)
    closed = operator.side === 'none' ? operator.rank : Number.POSITIVE_INFINITY
  }
}

function joinOperands(text: string, left: Syntax, right: Syntax): Syntax {
  if (text === '//') return { type: 'alternative', left, right }
  if (text === 'and' || text === 'or') return { type: text, left, right }
  if (text in assigning) return { type: 'assign', operator: text as AssignOperator, left, right }
  return { type: 'binary', operator: text as BinaryOperator, left, right }
}

const assigning: Readonly<Record<AssignOperator, true>> = {
  '=': true,
  '|=': true,
  '+=': true,
  '-=': true,
  '*=': true,
  '/=': true,
  '%=': true,
  '//=': true,
}

function parseUnary(cursor: Cursor): Syntax {
  if (cursor.skip('-')) return { type: 'negate', body: parseUnary(cursor) }
  if (cursor.isAt('try')) {
    cursor.take()
    const body = parseUnary(cursor)
    return { type: 'try', body, handler: cursor.skip('catch') ? parseUnary(cursor) : null }
  }
  return parsePostfix(cursor, grammar)
}
