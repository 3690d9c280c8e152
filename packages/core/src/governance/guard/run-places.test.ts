import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type PatternOptions, patternDetector } from './detector.ts'
import { emailPattern } from './personal-data.ts'
import { runPlaces } from './run-places.ts'
import { chanceForm, tokenForm } from './secret-detectors.ts'

// One of each form: whose first letter nobody knows, or which is shorter than thought, would not be found.
const samples = [
  ...['AKIAIOSFODNN7EXAMPLE', `ghp_${'a1B2'.repeat(9)}`, `github_pat_${'a'.repeat(22)}`],
  ...[`glpat-${'a'.repeat(20)}`, `sk-ant-${'a'.repeat(16)}`, `sk-${'a'.repeat(20)}`],
  ...[`rk_test_${'a'.repeat(16)}`, `AIza${'b'.repeat(35)}`, `xoxb-${'1'.repeat(10)}`],
  ...[`npm_${'a'.repeat(36)}`, `hf_${'a'.repeat(30)}`, `SG.${'a'.repeat(16)}.${'b'.repeat(16)}`],
  ...[`tutti_${'a'.repeat(20)}`, `eyJ${'a'.repeat(8)}.eyJ${'b'.repeat(8)}.${'c'.repeat(8)}`],
]

const piece = fc.oneof(
  fc.constantFrom('@', '.', '-', '_', '+', '/', '=', ' ', '\\', '\\n', 'é', '"', 'a', 'Z', '7'),
  fc.constantFrom(
    'ann.b@example.org',
    '@x.de',
    'sk-',
    'xoxb-',
    'AKIA',
    'SG.',
    'eyJ',
    'glpat-',
    'npm_',
  ),
  fc.stringMatching(/^[a-zA-Z0-9]{1,40}$/),
  fc.constantFrom('q7Zr2LxW9vKd4TnB8yHs3JmPfA6cGuE1', 'AKIAIOSFODNN7EXAMPLE', 'a1B2'.repeat(9)),
  fc.constantFrom(...samples),
)
const texts = fc.array(piece, { maxLength: 24 }).map((pieces) => pieces.join(''))

/** Looks everywhere. */
function naive({ places: _, ...options }: PatternOptions) {
  return patternDetector(options)
}

test.each([
  ['addresses', emailPattern],
  ['tokens', tokenForm],
  ['what looks like chance', chanceForm],
])('%s: where nobody looks nothing would be found', (_, form) => {
  const [quick, whole] = [patternDetector(form), naive(form)]
  fc.assert(
    fc.property(texts, fc.nat(60), (text, from) => {
      const start = Math.min(from, text.length)
      expect(quick.find(text, start)).toEqual(whole.find(text, start))
    }),
    { numRuns: 400 },
  )
})

test.each(samples)('the shortest of its form is found: %s', (sample) => {
  const length = sample.length
  expect(patternDetector(tokenForm).find(`a ${sample}`, 0)).toMatchObject([
    { start: 2, end: 2 + length },
  ])
})

test('a long text without long pieces is looked at every so many characters only', () => {
  let looks = 0
  const isLetter = (code: number) => {
    looks += 1
    return code !== 0x20
  }
  const is = { mayHold: isLetter, mayStart: isLetter, joins: isLetter }
  const places = runPlaces({ lengthMin: 32, ...is })
  const text = 'some words '.repeat(10_000)
  expect(places(text, 0)).toEqual([])
  expect(looks).toBeLessThan(text.length / 2)
  expect(places(`${text}${'x'.repeat(40)}`, 0)).toEqual([text.length])
})
