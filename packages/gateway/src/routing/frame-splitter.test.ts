import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { eventFrame } from './bedrock-engine.fixture.ts'
import { FrameSplitter } from './frame-splitter.ts'

const payload = fc.oneof(fc.string({ unit: 'grapheme' }), fc.constant(''))
const frames = fc.array(fc.tuple(fc.constantFrom('messageStart', 'metadata'), payload), {
  minLength: 1,
  maxLength: 5,
})

/** All events of some bytes that come in chunks. */
function split(bytes: Buffer, cuts: readonly number[]) {
  const splitter = new FrameSplitter()
  const ends = [...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].sort((a, b) => a - b)
  let from = 0
  const events = ends.flatMap((end) => {
    const chunk = bytes.subarray(from, end)
    from = end
    return splitter.push(chunk)
  })
  return { events, splitter }
}

describe('frame splitter', () => {
  test('wherever the bytes are cut, the events are the same and no byte is lost', () => {
    fc.assert(
      fc.property(frames, fc.array(fc.nat(), { maxLength: 20 }), (sent, cuts) => {
        const bytes = Buffer.concat(sent.map(([event, data]) => eventFrame(event, data)))
        const { events, splitter } = split(bytes, cuts)
        expect(events.map(({ event, data }) => [event, data])).toEqual(sent)
        expect(Buffer.concat(events.map(({ raw }) => raw))).toEqual(bytes)
        expect([splitter.heldBytes, splitter.why]).toEqual([0, null])
      }),
    )
  })

  test('a bit that is another one is seen, and nothing after it is read', () => {
    fc.assert(
      fc.property(frames, fc.nat(), fc.nat(7), fc.array(fc.nat()), (sent, at, bit, cuts) => {
        const all = sent.map(([event, data]) => eventFrame(event, data))
        const bytes = Buffer.concat(all)
        const place = at % bytes.length
        bytes.writeUInt8(bytes.readUInt8(place) ^ (1 << bit), place)
        let end = 0
        const before = all.filter((frame) => {
          end += frame.length
          return end <= place
        })
        const { events, splitter } = split(bytes, cuts)
        expect(events).toHaveLength(before.length)
        expect(splitter.why !== null || splitter.heldBytes > 0).toBe(true)
      }),
    )
  })

  test('bytes of anything are refused', () => {
    const noise = fc.uint8Array({ minLength: 12, maxLength: 400 })
    fc.assert(
      fc.property(noise, fc.array(fc.nat()), (bytes, cuts) => {
        expect(split(Buffer.from(bytes), cuts).events).toEqual([])
      }),
    )
    const page = split(Buffer.from('<html>502 Bad Gateway</html>'), [])
    expect(page.splitter.why).toContain('checksum')
  })
})
