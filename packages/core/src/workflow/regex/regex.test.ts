import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { compileRegex, noFlags, type RegexFlags } from './index.ts'

const endless = { step: () => {}, allot: () => {} }

/** What is found: the whole and the groups of each match; a sentence where the pattern is refused. */
function found(source: string, text: string, more: Partial<RegexFlags> & { ecma?: true } = {}) {
  const { ecma, ...flags } = more
  const compiled = compileRegex(source, { ...noFlags, ...flags }, ecma ? 'ecma' : 'perl')
  if (!compiled.ok) return compiled.reason
  return [...compiled.regex.search(text, endless, false)].map((spans) =>
    Array.from({ length: spans.length / 2 }, (_, i) => {
      const [start = -1, end = -1] = [spans[i * 2], spans[i * 2 + 1]]
      return start < 0 ? undefined : text.slice(start, end)
    }),
  )
}

function nativeFound(source: string, text: string) {
  return [...text.matchAll(new RegExp(source, 'gu'))].map((match) => [...match])
}

const atom = fc.constantFrom(
  'a',
  'b',
  '[ab]',
  '[^a]',
  '.',
  '\\d',
  'é',
  '😀',
  '(?=a)',
  '(?!b)',
  '\\b',
)
const pattern = fc.letrec<{ one: string }>((tie) => ({
  one: fc.oneof(
    { maxDepth: 4 },
    atom,
    fc.tuple(tie('one'), tie('one')).map(([a, b]) => a + b),
    fc.tuple(tie('one'), tie('one')).map(([a, b]) => `(?:${a}|${b})`),
    fc
      .tuple(tie('one'), fc.constantFrom('*', '+', '?', '*?', '+?', '{2}', '{1,3}', '{0,2}?'))
      .map(([a, mark]) => `(?:[ab]${a}|1)${mark}`), // a turn that matches nothing differs
  ),
})).one

test('property: it finds what JavaScript finds, where both know the pattern', () => {
  const text = fc
    .array(fc.constantFrom('a', 'b', '1', 'é', '😀', '\n', ' '), { maxLength: 12 })
    .map((parts) => parts.join(''))
  fc.assert(
    fc.property(pattern, text, (source, given) => {
      const own = found(source, given, { ecma: true })
      // Words are Unicode's here.
      if (source.includes('\\b') && /[é😀]/u.test(given)) return
      expect(own).toEqual(nativeFound(source, given))
    }),
    { numRuns: 2_000 },
  )
})

test('groups, greedy and not', () => {
  const cases = ['(a+)(a*)', '(a+?)(a*)', '(a)|(b)', '((a)(b))+', '(a|ab)(c|bcd)(d*)']
  for (const source of cases) {
    expect([source, found(source, 'abcdaab')]).toEqual([source, nativeFound(source, 'abcdaab')])
  }
})

test('a loop whose turn matches nothing is left', () => {
  expect(found('(a*)*', 'b')).toEqual([
    ['', ''],
    ['', ''],
  ])
  expect(found('(?:a|b??)*c', 'abc')).toEqual([['abc']])
  expect(found('(?:a|b*)*c', 'abbc')).toEqual([['abbc']])
})

test.each([
  ['(?>a+)ab', 'aaab', []],
  ['a++b', 'aab', [['aab']]],
  ['a++ab', 'aab', []],
  ['(?<=ab?)c', 'ac abc c', [['c'], ['c']]],
  ['(?<!a)c', 'ac bc', [['c']]],
  ['(?<x>.)\\k<x>', 'abba', [['bb', 'b']]],
  ['(?i)É|b(?-i)c', 'éBcbC', [['é'], ['Bc']]],
  ['a(?#why)b', 'ab', [['ab']]],
  ['\\Qa.b\\E', 'a.b axb', [['a.b']]],
  ['[a-z&&[^b]]+', 'abc', [['a'], ['c']]],
  ['[[:alpha:]-]+', 'a-é1', [['a-é']]],
  ['[^[:^digit:]]', 'a1', [['1']]],
  ['[]a]+', 'a]b', [['a]']]],
  ['\\h+\\H', 'fg', [['fg']]],
  ['\\w+', 'été 1_a!', [['été'], ['1_a']]],
  ['x$', 'x\n', [['x']]],
  ['x\\z', 'x\n', []],
  ['(?m)^x$', 'y\nx\nz', [['x']]],
  ['.\\R', 'a\r\nb\n', [['a\r\n'], ['b\n']]],
  ['\\x{1F600}\\u00e9', '😀é', [['😀é']]],
  ['a{,2}b', 'aaab', [['aab']]],
  ['a{x', 'a{x', [['a{x']]],
])('%s on %j', (source, text, wanted) => {
  expect(found(source, text)).toEqual(wanted)
})

test.each([
  ['(', 'end pattern with unmatched parenthesis'],
  ['a)', 'unmatched close parenthesis'],
  ['[a', 'premature end of char-class'],
  ['*a', 'target of repeat operator is not specified'],
  ['a{3,2}', 'upper is smaller than lower'],
  ['a{200000}', 'too big number is used for repeat'],
  ['(a{1000}){1000}', 'the pattern is too large'],
  ['((?:){100000}){100000}', 'the pattern is too large'],
  ['(?<=a+)b', 'invalid pattern in look-behind'],
  ['(a)\\2', 'there is no group 2'],
  ['\\Ga', '\\G is not supported'],
  [`${'('.repeat(300)}a${')'.repeat(300)}`, 'too deep nest level'],
  ['\\p{Nonsense}', 'invalid character class'],
  ['a'.repeat(10_001), 'it has more than 10000 characters'],
])('%.30s is refused', (source, reason) => {
  expect(found(source, 'a')).toBe(reason)
})

test('work grows with the text, not with its square or worse', () => {
  const steps = (source: string, length: number) => {
    let paid = 0
    const purse = { step: (count: number) => (paid += count), allot: () => {} }
    const compiled = compileRegex(source, noFlags, 'perl')
    if (!compiled.ok) throw new Error(compiled.reason)
    for (const _ of compiled.regex.search(`${'a'.repeat(length)}!`, purse, false));
    return paid
  }
  for (const source of ['(a+)+$', 'a*a*a*b', '(a|a)*b', '(.*)*x', '(?:a?){10}b', '\\w+\\d']) {
    expect(steps(source, 20_000)).toBeLessThan(steps(source, 2_000) * 11)
  }
})
