import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { EventSplitter } from './event-splitter.ts'

const line = fc.stringMatching(/^[a-zé😀{}":, ]{0,12}$/u)
const event = fc.record({
  name: fc.constantFrom('', 'delta'),
  data: fc.array(line, { minLength: 1 }),
})
const newline = fc.constantFrom('\n', '\r\n')

function write({ name, data }: { name: string; data: string[] }, end: string): string {
  const lines = [...(name === '' ? [] : [`event: ${name}`]), ...data.map((one) => `data: ${one}`)]
  return lines.map((one) => one + end).join('') + end
}

describe('event splitter', () => {
  test('wherever the bytes are cut, the events are the same and no byte is lost', () => {
    fc.assert(
      fc.property(fc.array(event, { minLength: 1 }), newline, fc.nat(), (events, end, seed) => {
        const bytes = Buffer.from(events.map((one) => write(one, end)).join(''))
        const sizes = [1, 2, 3, 7, (seed % bytes.length) + 1, bytes.length]
        for (const size of sizes) {
          const splitter = new EventSplitter()
          const got = []
          for (let at = 0; at < bytes.length; at += size) {
            got.push(...splitter.push(bytes.subarray(at, at + size)))
          }
          expect(got.map(({ event, data }) => ({ event, data }))).toEqual(
            events.map(({ name, data }) => ({ event: name, data: data.join('\n') })),
          )
          expect(Buffer.concat(got.map(({ raw }) => raw)).equals(bytes)).toBe(true)
          expect(splitter.heldBytes).toBe(0)
        }
      }),
      { numRuns: 200 },
    )
  })

  test('what is no whole event is held', () => {
    const splitter = new EventSplitter()
    expect(splitter.push(Buffer.from('data: {"a":1}\n'))).toEqual([])
    expect(splitter.heldBytes).toBe(14)
    expect(splitter.push(Buffer.from('\n'))).toHaveLength(1)
  })

  test.each(['', '\n', '\r\n'])('the last event may lack its blank line (%j)', (end) => {
    const splitter = new EventSplitter()
    splitter.push(Buffer.from('data: 1\n\n'))
    expect(splitter.end()).toBe(null)
    splitter.push(Buffer.from(`event: last\ndata: 2${end}`))
    expect(splitter.end()).toMatchObject({ event: 'last', data: '2' })
    expect(splitter.end()).toBe(null)
  })
})
