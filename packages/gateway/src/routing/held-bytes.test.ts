import fc from 'fast-check'
import { expect, test, vi } from 'vitest'
import { HeldBytes } from './held-bytes.ts'

test('what is kept comes again before what follows, and what was taken stays as it is', () => {
  const step = fc.record({ chunk: fc.uint8Array({ maxLength: 9 }), kept: fc.nat({ max: 30 }) })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const held = new HeldBytes()
      const all: number[] = []
      const taken: Buffer[] = []
      for (const { chunk, kept } of steps) {
        all.push(...chunk)
        const joined = held.join(Buffer.from(chunk))
        const from = Math.max(0, joined.length - kept)
        taken.push(joined.subarray(0, from))
        held.keep(joined, from)
      }
      const rest = held.join(Buffer.alloc(0))
      expect(rest).toHaveLength(held.length)
      expect([...Buffer.concat([...taken, rest])]).toEqual(all)
    }),
    { numRuns: 2_000 },
  )
})

test('what drips in is copied a few times, not once for each drop', () => {
  const held = new HeldBytes()
  const allocate = vi.spyOn(Buffer, 'allocUnsafe')
  for (let i = 0; i < 100_000; i++) held.keep(held.join(Buffer.of(i & 0xff)), 0)
  expect(allocate.mock.calls.length).toBeLessThan(20)
  allocate.mockRestore()
  expect(held.length).toBe(100_000)
})
