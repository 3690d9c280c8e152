import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type OpenCall, OpenCalls } from './open-calls.ts'

const id = fc.constantFrom('a', 'b', 'c')
const name = fc.constantFrom('f', 'g')
const step = fc.oneof(
  fc.record({ kind: fc.constant('call' as const), id, name, isNamed: fc.boolean() }),
  fc.record({ kind: fc.constant('result' as const), id: fc.option(id, { nil: undefined }), name }),
)

/** By looking at all of them each time. */
function take(open: OpenCall[], id: string | undefined, name: string): OpenCall | null {
  const place = (is: (call: OpenCall) => boolean) => open.findIndex(is)
  const own = place((call) => call.isNamed && call.id === id)
  const unnamed = place((call) => !call.isNamed && call.name === name)
  const at = id === undefined ? place((call) => call.name === name) : own === -1 ? unnamed : own
  return at === -1 ? null : (open.splice(at, 1)[0] ?? null)
}

test('a result finds the oldest call that it may belong to', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const open = new OpenCalls()
      const plain: OpenCall[] = []
      for (const one of steps) {
        if (one.kind === 'call') {
          const { kind: _, ...call } = one
          open.add(call)
          plain.push(call)
        } else {
          const expected = take(plain, one.id, one.name)
          const found = open.take(one.id, one.name)
          expect(found?.id).toBe(expected?.id)
          expect(found?.name).toBe(expected?.name)
        }
      }
    }),
  )
})

test('a hundred thousand calls, whose results come backwards, hold nobody up', () => {
  const open = new OpenCalls()
  const count = 100_000
  for (let i = 0; i < count; i++) open.add({ id: `${i}`, name: 'f', isNamed: true })
  for (let i = count - 1; i >= 0; i--) expect(open.take(`${i}`, 'f')?.id).toBe(`${i}`)
  expect(open.take(undefined, 'f')).toBe(null)
})
