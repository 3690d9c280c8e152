import fc from 'fast-check'
import { expect, test } from 'vitest'
import { headOf } from './head-of.ts'

const names = new Set(['type', 'item_id', 'output_index'])
const shown = (json: string) => [...headOf(json, names)].map(([name, { text }]) => [name, text])

test('what stands before the first object, list or escape is told as it is written', () => {
  const type = '"type": "a.delta"'
  for (const [json, told] of [
    [`{ ${type} , "item_id":"m","x":1,"output_index":-2,"logprobs":[]}`, ['"m"', '-2']],
    [`{${type},"logprobs":[{"item_id":"n"}],"item_id":"m"}`, []],
    [`{${type},"delta":"\\"item_id\\":","item_id":"m"}`, []],
    [`{${type},"x":{},"item_id":"m"}`, []],
    [`{${type},"item_id"}`, []],
    [`{${type},"item_id":"m`, []],
  ] as const) {
    expect(
      shown(json)
        .slice(1)
        .map(([, text]) => text),
    ).toEqual(told)
    expect(shown(json)[0]).toEqual(['type', '"a.delta"'])
  }
  for (const none of [`{${type}`, '', '[]', '"type"', '{', '{}', 'null', '{"ty\\u0070e":"a"}']) {
    expect(shown(none)).toEqual([])
  }
})

test('it tells no member otherwise than a parser does, and where it stands', () => {
  const value = fc.oneof(fc.string(), fc.integer(), fc.constant(1.5), fc.jsonValue())
  const name = fc.oneof(fc.constantFrom(...names), fc.string())
  fc.assert(
    fc.property(fc.dictionary(name, value), fc.nat(2), (object, space) => {
      const json = JSON.stringify(object, null, space)
      for (const [name, { text, start, end }] of headOf(json, names)) {
        expect(JSON.parse(text)).toEqual(JSON.parse(json)[name])
        expect(json.slice(start, end)).toBe(text)
      }
    }),
  )
})
