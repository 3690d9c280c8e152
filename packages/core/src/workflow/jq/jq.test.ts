import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Json } from '../../resource/index.ts'
import { compileJq, evaluateAllJq, evaluateJq, readJson, writeJson } from './index.ts'

function all(
  source: string,
  input: unknown = null,
  budget?: { stepsMax: number; bytesMax: number },
) {
  const compiled = compileJq(source, ['given'])
  if (!compiled.ok) throw new Error(compiled.reason)
  return evaluateAllJq(compiled.expression, {
    input: input as Json,
    globals: [{ a: 1 }],
    nowMs: 1_700_000_000_500,
    ...(budget === undefined ? {} : { budget }),
  })
}

function values(source: string, input: unknown = null) {
  const outcome = all(source, input)
  if (!outcome.ok) throw new Error(outcome.reason)
  return outcome.values
}

test('the first output is the value; none is told apart from null', () => {
  const given = { input: [3, 4], globals: [], nowMs: 0 }
  const value = (source: string) => {
    const compiled = compileJq(source, [])
    return compiled.ok ? evaluateJq(compiled.expression, given) : compiled
  }
  expect(value('.[]')).toEqual({ ok: true, value: 3, hasOutput: true })
  expect(value('.[0]')).toEqual({ ok: true, value: 3, hasOutput: true })
  expect(value('empty')).toEqual({ ok: true, value: null, hasOutput: false })
  expect(value('.a')).toEqual({
    ok: false,
    reason: 'Cannot index array with string ("a")',
    isBudget: false,
  })
})

test('what is no jq is refused with its place', () => {
  expect(compileJq('.a |', [])).toEqual({
    ok: false,
    reason: 'unexpected end of expression, expecting a term at line 1, column 5',
  })
  expect(compileJq('.a\n| nope(1)', [])).toEqual({
    ok: false,
    reason: 'nope/1 is not defined at line 2, column 3',
  })
  expect(compileJq('$other', [])).toMatchObject({ ok: false })
  expect(compileJq('import "a" as a; .', [])).toMatchObject({ ok: false })
  expect(compileJq(`${'('.repeat(60_000)}`, [])).toMatchObject({ ok: false })
  expect(compileJq('.'.repeat(70_000), [])).toMatchObject({ ok: false })
})

test('it sees what it is given and nothing of the process', () => {
  expect(values('$given.a, now, env, $ENV')).toEqual([1, 1_700_000_000.5, {}, {}])
  expect(values('.constructor, .__proto__, .toString', {})).toEqual([null, null, null])
  expect(JSON.stringify(values('{__proto__: 1} | ., .__proto__, (.__proto__ = 2)'))).toBe(
    '[{"__proto__":1},1,{"__proto__":2}]',
  )
  expect(Object.prototype).not.toHaveProperty('polluted')
  values('.__proto__.polluted = 1', {})
  expect(Object.prototype).not.toHaveProperty('polluted')
})

const endless = [
  'range(1e12)',
  'last(repeat(1))',
  'until(false; .)',
  '[while(true; . + 1)]',
  'def f: f; f',
  'def f: 1 + f; f',
  'reduce range(1e9) as $x (0; . + 1)',
  'last(recurse(.))',
  '[limit(1e9; repeat([1,2,3]))]',
  '"x" * 1e8 * 5',
  'reduce range(100) as $i ("x"; . + .)',
  'reduce range(100) as $i ([1]; . + .)',
  '[range(1000)] | [combinations(3)]',
  '.[9999999] = 0 | .[0] = 1 | .[1] = 1 | .[2] = 1 | .[3] = 1',
  'label $out | repeat(1) | select(. == 2) | break $out',
  'try (def f: 1 + f; f) catch 1',
  'try last(repeat(1)) catch 1',
]

test.each(endless)('%s ends at its budget, and no try catches that', (source) => {
  const outcome = all(source)
  expect(outcome).toMatchObject({ ok: false, isBudget: true })
})

test('a smaller budget ends sooner', () => {
  expect(all('[range(1000)]', null, { stepsMax: 500, bytesMax: 1e9 })).toMatchObject({ ok: false })
  expect(all('[range(1000)]', null, { stepsMax: 1e9, bytesMax: 500 })).toMatchObject({ ok: false })
  expect(all('[range(1000)]', null, { stepsMax: 2_000, bytesMax: 1e5 })).toMatchObject({ ok: true })
  expect(all('.[999999999] = 0')).toMatchObject({ ok: false, reason: 'Array index too large' })
})

test('a slot keeps its value while others are bound through the same closure', () => {
  expect(values('def f(g): g | g; [f((1,2) as $x | ($x + ., $x))]', 0)).toEqual([
    [2, 1, 3, 2, 2, 1, 3, 2, 3, 1, 4, 2, 3, 1, 4, 2],
  ])
})

test('a recursive function has one output where each of its calls has, and many where not', () => {
  expect(values('def fac: if . < 2 then 1 else . * (. - 1 | fac) end; 10 | fac')).toEqual([3628800])
  expect(values('def down: ., (select(. > 0) | . - 1 | down); [3 | down]')).toEqual([[3, 2, 1, 0]])
  expect(
    values('def f(g): if . > 2 then . else g | f(g) end; [0 | f(. + 1), f(. + 1, . + 2)]'),
  ).toEqual([[3, 3, 4, 3, 3, 4]])
})

test('errors of whoever takes the outputs are not caught by a try around the source', () => {
  expect(all('try (1, 2) catch "caught" | error')).toMatchObject({ ok: false, reason: '1' })
  expect(values('[.[] | (1 / .)?]', [1, 0, 2])).toEqual([[1, 0.5]])
  expect(values('[(1, error("x"), 3) // 4]')).toEqual([[1]])
})

test('regular expressions: groups, flags, codepoints, what JavaScript lacks', () => {
  expect(values('[match("(?<l>[a-z])(x)?"; "g") | .offset, .captures[0].name]', '😀aB')).toEqual([
    [1, 'l'],
  ])
  expect(values('test("A B"; "xi"), test("\\\\d+\\\\-"), test("[[:alpha:]]")', 'ab1-')).toEqual([
    true,
    true,
    true,
  ])
  expect(values('gsub("(?<x>[ab])"; "<\\(.x)>", "-")', 'abc')).toEqual(['<a><b>c', '--c'])
  expect(values('[splits(", *")]', 'a, b,c')).toEqual([['a', 'b', 'c']])
  expect(all('test("(a")', 'a')).toMatchObject({ ok: false, isBudget: false })
})

test('regular expressions pay for every step: none holds the process', () => {
  const text = `${'a'.repeat(40)}!`
  // Linear here, exponential for an engine that forgets which ways failed.
  for (const bomb of ['^(a+)+$', '^(a|aa)+$', '(a*)*b', '(.*b){20}', '([a-zA-Z]+)*$b']) {
    expect(values(`test("${bomb}")`, text)).toEqual([false])
  }
  // What refers to groups cannot be remembered: the budget ends it, and no try catches that.
  const again = all('try test("^(a|aa)+\\\\1x$") catch "caught"', text)
  expect(again).toMatchObject({ ok: false, isBudget: true })
})

test('times are UTC', () => {
  expect(values('todate, (gmtime | mktime), strftime("%a %e %b %Y %j %V")', 1425599507)).toEqual([
    '2015-03-05T23:51:47Z',
    1425599507,
    'Thu  5 Mar 2015 064 10',
  ])
  expect(values('strptime("%d %b %Y %I:%M %p %z") | mktime', '05 Mar 2015 11:51 PM +0100')).toEqual(
    [1425595860],
  )
  expect(all('strptime("%Y-%m-%d")', 'no date')).toMatchObject({ ok: false })
})

test('numbers that JSON cannot say do not leave an expression', () => {
  expect(values('nan, infinite, [-infinite], {a: nan}, 1e999, (1e300 * 1e300)')).toEqual([
    null,
    Number.MAX_VALUE,
    [-Number.MAX_VALUE],
    { a: null },
    Number.MAX_VALUE,
    Number.MAX_VALUE,
  ])
})

const json = fc.jsonValue() as fc.Arbitrary<Json>

test('property: JSON text goes there and back', () => {
  fc.assert(
    fc.property(json, (value) => {
      const reading = readJson(writeJson(value))
      // As text: -0 is written by jq, and not by JavaScript.
      expect(reading.ok && JSON.stringify(reading.value)).toBe(JSON.stringify(value))
    }),
  )
})

test('property: setting a path and getting it gives the value; deleting all paths leaves null', () => {
  fc.assert(
    fc.property(json, json, (value, other) => {
      const outcome = values(
        '. as $top | [paths] | map(. as $p | $top | setpath($p; $given.a) | getpath($p) == 1) | all',
        value,
      )
      expect(outcome).toEqual([true])
      expect(values('del(..)', value)).toEqual([null])
      expect(
        values('[tostream] == [.. as $x | empty] or (fromstream(tostream) == .)', other),
      ).toEqual([true])
    }),
  )
})

test('property: sort gives an order that every pair keeps, and unique none twice', () => {
  fc.assert(
    fc.property(fc.array(json), (items) => {
      const [isSorted, isUnique] = values(
        '(sort | [., .[1:]] | transpose | .[:-1] | all(.[0] <= .[1])), (unique == (unique | unique))',
        items,
      )
      expect(items.length < 2 || isSorted).toBe(true)
      expect(isUnique).toBe(true)
    }),
  )
})

test('property: no text makes the compiler crash', () => {
  const word = fc.constantFrom(
    ...'. .a [ ] ( ) { } | , : ; "x" "\\( 1 $given as if then else end reduce foreach try catch'.split(
      ' ',
    ),
    ...'label break def f: ?// // ..  - + = |= @csv .[0] ? and or not error empty $__loc__'.split(
      ' ',
    ),
  )
  fc.assert(
    fc.property(fc.array(word, { maxLength: 14 }), (words) => {
      const compiled = compileJq(words.join(' '), ['given'])
      if (!compiled.ok) return
      evaluateAllJq(compiled.expression, {
        input: { a: [1] },
        globals: [1],
        nowMs: 0,
        budget: { stepsMax: 2_000, bytesMax: 1e6 },
      })
    }),
    { numRuns: 2_000 },
  )
})
