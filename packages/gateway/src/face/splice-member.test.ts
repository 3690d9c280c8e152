import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { putMember, spliceMember, spliceModel } from './splice-member.ts'

const splice = (text: string, to = 'llama') => spliceModel(Buffer.from(text), to).toString('utf8')

describe('splice model', () => {
  test('numbers and spacing stay as the caller wrote them (M1)', () => {
    for (const rest of [
      '"seed":12345678901234567890',
      '"temperature":1.0',
      '"temperature":1e0,"top_p":0.10',
      '  "x" : [ 1.50 , {"model":"chat"} ] ',
      '"text":"say \\"model\\":\\"chat\\" \\\\"',
      '"__proto__":{"model":"chat"}',
      '"\\u0075ser":"\\ud83d\\ude00 é"',
    ]) {
      expect(splice(`{"model":"chat",${rest}}`)).toBe(`{"model":"llama",${rest}}`)
      expect(splice(`{${rest},"model" : "chat"}`)).toBe(`{${rest},"model" : "llama"}`)
    }
  })

  test('a model that is named in a text, or deeper down, is not taken for it (M2)', () => {
    const deep = '{"messages":[{"model":"chat"}],"mod\\u0065l":"chat"}'
    expect(splice(deep)).toBe('{"messages":[{"model":"chat"}],"mod\\u0065l":"llama"}')
    const value = '{"kind":"model","model":"chat"}'
    expect(splice(value)).toBe('{"kind":"model","model":"llama"}')
    const text = '{"text":"the \\"model","model":"chat"}'
    expect(splice(text)).toBe('{"text":"the \\"model","model":"llama"}')
  })

  test('for any object any member gets another value, and nothing else is touched', () => {
    const spaces = fc.constantFrom('', ' ', '\n\t')
    const escaped = '\\u0061'
    fc.assert(
      fc.property(
        fc.array(fc.jsonValue()),
        fc.jsonValue(),
        spaces,
        fc.nat(),
        (others, own, gap, at) => {
          const values = others.map((one) => JSON.stringify(one))
          const place = at % (values.length + 1)
          const write = (value: string) => {
            const members = values.map((one, i) => `${gap}"a${i}"${gap}:${gap}${one}${gap}`)
            const name = place % 2 === 0 ? 'a' : escaped
            members.splice(place, 0, `${gap}"${name}"${gap}:${gap}${value}${gap}`)
            return `{${members.join(',')}}`
          }
          const spliced = spliceMember(
            Buffer.from(write(JSON.stringify(own))),
            'a',
            Buffer.from('[7]'),
          )
          expect(spliced.toString('utf8')).toBe(write('[7]'))
        },
      ),
    )
    expect(spliceMember(Buffer.from('{"b":{"a":1}}'), 'a', Buffer.from('2')).toString()).toBe(
      '{"b":{"a":1}}',
    )
  })

  test('for any object it is the same object with another model', () => {
    const names = fc.oneof(fc.constant('model'), fc.string())
    fc.assert(
      fc.property(fc.dictionary(names, fc.jsonValue()), fc.string(), fc.string(), (rest, a, b) => {
        const body = { ...rest, model: a }
        for (const text of [JSON.stringify(body), JSON.stringify(body, null, 2)]) {
          expect(JSON.parse(splice(text, b))).toEqual(
            JSON.parse(JSON.stringify({ ...rest, model: b })),
          )
          expect(splice(splice(text, b), a)).toBe(text)
        }
      }),
    )
  })
})

test('a member is put where it is, or first of all', () => {
  const put = (text: string) =>
    putMember(Buffer.from(text), 'store', Buffer.from('false')).toString()
  expect(put('{ "n":1.0,"store" : true}')).toBe('{ "n":1.0,"store" : false}')
  expect(put(' { "n":1.0,"a":{"store":true}}')).toBe('{"store":false, "n":1.0,"a":{"store":true}}')
})
