import fc from 'fast-check'
import { expect, test } from 'vitest'
import { callersTrace, newTrace } from './trace-context.ts'

const parent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'

test('a traceparent that is none is not taken for one', () => {
  const zeros = `00-${'0'.repeat(32)}-b7ad6b7169203331-01`
  for (const bad of ['', 'x', zeros, `ff${parent.slice(2)}`, `${parent}-more`, [parent]]) {
    expect(callersTrace({ traceparent: bad })).toBeNull()
  }
  expect(callersTrace({ traceparent: `01${parent.slice(2)}-more` })?.parentId).toBe(
    'b7ad6b7169203331',
  )
  fc.assert(
    fc.property(fc.string(), (text) => {
      expect(callersTrace({ traceparent: text })).toBeNull()
    }),
  )
})

const hex = fc.stringMatching(/^[0-9a-f]{32}$/).filter((id) => !/^0+$/.test(id))
const traceparent = (traceId: string, flags = '01') => `00-${traceId}-b7ad6b7169203331-${flags}`

test('a share of traces is sampled, the same of them everywhere, and more of them of a larger share', () => {
  const shares = fc.double({ min: 0, max: 1, noNaN: true })
  fc.assert(
    fc.property(hex, shares, shares, (traceId, one, other) => {
      const isIn = (share: number, flags?: string) => {
        const headers = { traceparent: traceparent(traceId, flags) }
        const trace = callersTrace(headers, { share, isParents: false })
        const told = trace?.headers['traceparent']?.endsWith('-01')
        expect(told).toBe(trace?.isSampled)
        return trace?.isSampled
      }
      expect(isIn(one, '00')).toBe(isIn(one, '01')) // whatever the caller says
      if (isIn(Math.min(one, other))) expect(isIn(Math.max(one, other))).toBe(true)
      expect([isIn(0), isIn(1)]).toEqual([false, true])
    }),
  )
  const count = Array.from({ length: 4_000 }, () => newTrace({ share: 0.25, isParents: true }))
  const share = count.filter(({ isSampled }) => isSampled).length / count.length
  expect(share).toBeGreaterThan(0.2)
  expect(share).toBeLessThan(0.3)
})

test('where whoever began it decides, the share is of those alone that begin here', () => {
  const none = { share: 0, isParents: true }
  expect(callersTrace({ traceparent: parent }, none)?.isSampled).toBe(true)
  expect(callersTrace({ traceparent: parent.replace(/1$/, '0') })?.isSampled).toBe(false)
  expect(newTrace(none).headers['traceparent']).toMatch(/-00$/)
  expect(newTrace().isSampled).toBe(true)
})
