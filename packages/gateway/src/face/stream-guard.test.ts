// What of an event goes on where nothing of its text is replaced.

import { AnswerRewrite, detectorsOf, guardSpec } from '@tutti/core/governance'
import { expect, test } from 'vitest'
import { StreamGuard } from './stream-guard.ts'

test('an answer of more texts than any has is denied, in whatever choice or call they are', () => {
  const rewrite = new AnswerRewrite({ detectors: [], plan: {}, originals: new Map() })
  const judge = () => Promise.resolve(null)
  const guard = new StreamGuard(rewrite, { charsMax: 1e9, keepsText: false, judge })
  const said = (choice: number) => ({ kind: 'text', choice, text: 'a' }) as const
  const passed = Array.from({ length: 2_001 }, (_, i) => guard.push(Buffer.from(''), [said(i)]))
  expect(passed.findIndex(({ isDenied }) => isDenied)).toBe(2_000)
})

test('beside a text that is not decided only so much waits', () => {
  const detectors = detectorsOf(guardSpec.parse({ detect: ['card'] }), 'output')
  const plan = { card: 'redact' } as const
  const rewrite = new AnswerRewrite({ detectors, plan, originals: new Map() })
  const judge = () => Promise.resolve(null)
  const guard = new StreamGuard(rewrite, { charsMax: 1e9, keepsText: false, judge })
  const raw = Buffer.alloc(2 ** 20)
  const said = (choice: number, text: string) => ({ kind: 'text', choice, text }) as const
  const past = Array.from({ length: 20 }, () => guard.push(raw, [said(0, 'so. ')]))
  expect(past.every(({ isDenied, released }) => !isDenied && released.length === 1)).toBe(true)
  expect(guard.push(raw, [said(0, '4111')]).released).toEqual([])
  const beside = Array.from({ length: 20 }, () => guard.push(raw, [said(1, 'so. ')]))
  expect(beside.findIndex(({ isDenied }) => isDenied)).toBe(15)
})

test('what a source says is looked through in the frame that it came in', () => {
  const detectors = detectorsOf(guardSpec.parse({ detect: ['card'] }), 'output')
  const plan = { card: 'redact' } as const
  const rewrite = new AnswerRewrite({ detectors, plan, originals: new Map() })
  const judge = () => Promise.resolve(null)
  const guard = new StreamGuard(rewrite, { charsMax: 100, keepsText: false, judge })
  const frame = (text: string) => Buffer.from(`data: {"text":"so","quote":"${text}"}\n\n`)
  const citation = { title: 'T', quote: 'pay 4111111111111111', start: 0, end: 2 }
  const { released } = guard.push(frame(citation.quote), [
    { kind: 'text', choice: 0, text: 'so' },
    { kind: 'citation', of: 'text', citation },
    { kind: 'stop', choice: 0, stop: 'stop' },
  ])
  expect(released.map((one) => `${guard.frame(one)}`)).toEqual([`${frame('pay [CARD]')}`])
})
