// What comes out of an answer does not depend on how its bytes were cut, and what can be read in two ways is refused.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { AnswerParser } from './answer-parser.ts'

interface Read {
  status: number
  type: string | undefined
  body: string
  isOver: boolean
  wrong: string | null
}

function read(parts: readonly Buffer[]): Read & { parser: AnswerParser } {
  const got: Read = { status: 0, type: undefined, body: '', isOver: false, wrong: null }
  const parser = new AnswerParser({
    onHead: (status, headers) => {
      got.status = status
      got.type = headers['content-type']
    },
    onData: (bytes) => {
      got.body += bytes.toString('latin1')
    },
  })
  for (const part of parts) {
    got.wrong = parser.push(part)
    if (got.wrong !== null) break
  }
  return { ...got, isOver: parser.isOver, parser }
}

const whole = (text: string) => read([Buffer.from(text, 'latin1')])
const eachByte = (text: string) =>
  [...Buffer.from(text, 'latin1')].map((byte) => Buffer.from([byte]))

const bodyText = fc.string({
  unit: fc.constantFrom('a', '\r', '\n', '0', '{', ';', ' '),
  maxLength: 60,
})
const chunked = fc
  .array(
    bodyText.filter((text) => text !== ''),
    { maxLength: 5 },
  )
  .chain((chunks) =>
    fc.record({
      body: fc.constant(chunks.join('')),
      framed: fc
        .tuple(fc.constantFrom('', ';a=b', ' ; x="y"'), fc.boolean(), fc.boolean())
        .map(([extension, isUpper, hasTrailer]) => {
          const sized = chunks.map((chunk) => {
            const size = chunk.length.toString(16)
            return `${isUpper ? size.toUpperCase() : size}${extension}\r\n${chunk}\r\n`
          })
          return `${sized.join('')}0\r\n${hasTrailer ? 'x-sum: 1\r\n' : ''}\r\n`
        }),
      header: fc.constant('Transfer-Encoding: chunked'),
    }),
  )
const plain = bodyText.map((body) => ({
  ...{ body, framed: body, header: `content-length: ${body.length}` },
}))

test('however it was cut, the same answer comes out (H1)', () => {
  fc.assert(
    fc.property(
      fc.oneof(chunked, plain),
      fc.boolean(),
      fc.array(fc.nat(200), { maxLength: 6 }),
      ({ body, framed, header }, isAnnounced, cuts) => {
        const early = isAnnounced ? 'HTTP/1.1 100 Continue\r\n\r\n' : ''
        const text = `${early}HTTP/1.1 200 OK\r\nContent-Type:  a/b \r\n${header}\r\n\r\n${framed}`
        const wanted = { status: 200, type: 'a/b', body, isOver: true, wrong: null }
        expect(read(eachByte(text))).toMatchObject(wanted)
        const places = [
          0,
          ...cuts.map((cut) => cut % text.length).sort((a, b) => a - b),
          text.length,
        ]
        const pieces = places
          .slice(1)
          .map((end, i) => Buffer.from(text.slice(places[i], end), 'latin1'))
        expect(read(pieces.filter((piece) => piece.length > 0))).toMatchObject(wanted)
        expect(read([Buffer.from(text, 'latin1')])).toMatchObject(wanted)
      },
    ),
  )
})

describe('what can be read in two ways is refused (H2)', () => {
  const head = (lines: string) => `HTTP/1.1 200 OK\r\n${lines}\r\n\r\n`
  const cases: Record<string, string> = {
    'a length and a coding': head('content-length: 3\r\ntransfer-encoding: chunked'),
    'two lengths': head('content-length: 3\r\ncontent-length: 4'),
    'a length that is none': head('content-length: 3x'),
    'a negative length': head('content-length: -3'),
    'another coding': head('transfer-encoding: gzip, chunked'),
    'a folded header': head('x: a\r\n b: c'),
    'a header without a name': head(': c'),
    'a header that nobody can be given': head('content-length: 0\r\nretry-after: a\x01b'),
    'a status that is none': 'HTTP/1.1 099 OK\r\ncontent-length: 0\r\n\r\n',
    'a space before the colon': head('content-length : 3'),
    'line ends without CR': 'HTTP/1.1 200 OK\ncontent-length: 0\n\r\n\r\n',
    'another protocol': 'ICY 200 OK\r\n\r\n',
    'a switch of protocols': 'HTTP/1.1 101 Switching\r\nupgrade: x\r\n\r\n',
    'a chunk without a size': `${head('transfer-encoding: chunked')}xyz\r\n`,
    'a chunk that is longer than its size': `${head('transfer-encoding: chunked')}2\r\nabc\r\n`,
    'a size with a sign': `${head('transfer-encoding: chunked')}+2\r\nab\r\n`,
    'a size with an 0x': `${head('transfer-encoding: chunked')}0x2\r\nab\r\n`,
    'a size line without CR': `${head('transfer-encoding: chunked')}2\nab\r\n`,
  }
  for (const [name, text] of Object.entries(cases)) {
    test(name, () => {
      expect(whole(text).wrong).toEqual(expect.any(String))
      expect(read(eachByte(text)).wrong).toEqual(expect.any(String))
    })
  }

  test('bytes behind the end', () => {
    const got = whole('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nabHTTP/1.1 200 OK\r\n\r\n')
    expect(got).toMatchObject({ body: 'ab', isOver: true, wrong: expect.any(String) })
  })
})

test('what is held is bounded (H3)', () => {
  const endless = [Buffer.from('HTTP/1.1 200 OK\r\nx: '), Buffer.alloc(70_000, 'a')]
  expect(read(endless).wrong).toMatch(/head/)
  const head = 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n'
  expect(whole(`${head}1;${'x'.repeat(2_000)}`).wrong).toMatch(/size/)
  expect(whole(`${head}0\r\n${'a: b\r\n'.repeat(3_000)}`).wrong).toMatch(/trailers/)
})

test('a connection is kept only where both sides may go on', () => {
  const kept = (text: string) => whole(text).parser.keepsAlive
  expect(kept('HTTP/1.1 204 x\r\n\r\n')).toBe(true)
  expect(kept('HTTP/1.1 200 OK\r\ncontent-length: 0\r\nConnection: Close\r\n\r\n')).toBe(false)
  expect(kept('HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n')).toBe(false)
  expect(kept('HTTP/1.1 200 OK\r\n\r\nuntil the end')).toBe(false)
  const said = 'HTTP/1.1 200 OK\r\ncontent-length: 0\r\nkeep-alive: timeout=7, max=9\r\n\r\n'
  expect(whole(said).parser.keepAliveMs).toBe(7_000)
})
