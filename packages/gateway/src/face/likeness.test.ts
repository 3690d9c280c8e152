import { expect, test } from 'vitest'
import type { Candidate } from '../routing/index.ts'
import { type Answered, likenessOf } from './likeness.ts'

const node = { provider: null } as unknown as Candidate

function answered(body: string | Buffer): Answered {
  const of = { status: 200, headers: {}, usage: null, parsed: null }
  return { outcome: { kind: 'whole', ...of, body: Buffer.from(body) }, candidate: node }
}

const infer = (name: string, data: readonly unknown[], more = '') =>
  answered(
    `{"model_name":"${name}","model_version":"${name}-1"${more},"outputs":[{"name":"p",` +
      `"datatype":"FP32","shape":[1,${data.length}],"data":${JSON.stringify(data)}}]}`,
  )

test('Deployments whose models give the same are the same, whatever they are called', () => {
  const alike = likenessOf(infer('parts', [0.9, 0.1]), infer('parts-next', [0.9, 0.1], ',"id":"7"'))
  expect(alike).toEqual({ isSame: true, similarity: 1 })
})

test('and are as alike as their values are near', () => {
  const alike = likenessOf(infer('parts', [1, 1]), infer('parts-next', [[1, 0]]))
  expect(alike.isSame).toBe(false)
  expect(alike.similarity).toBeCloseTo(2 / 3)
})

test('binary elements are compared as they stand', () => {
  const binary = (name: string, element: number) =>
    answered(
      Buffer.concat([
        Buffer.from(
          `{"model_name":"${name}","outputs":[{"name":"p","parameters":{"binary_data_size":1}}]}`,
        ),
        Buffer.from([element]),
      ]),
    )
  const same = { isSame: true, similarity: null }
  expect(likenessOf(binary('a', 200), binary('b', 200))).toEqual(same)
  expect(likenessOf(binary('a', 200), binary('b', 201))).toEqual({ ...same, isSame: false })
})

test('so are long ones, which nobody reads', () => {
  const long = Array.from({ length: 40_000 }, (_, i) => i)
  const same = { isSame: true, similarity: null }
  expect(likenessOf(infer('a', long), infer('b', long))).toEqual(same)
  expect(likenessOf(infer('a', long), infer('b', long.toReversed()))).toMatchObject({
    isSame: false,
  })
})

test('what nests without end is compared, too', () => {
  const deep = `{"outputs":[{"name":"p","data":${'['.repeat(20_000)}${']'.repeat(20_000)}}]}`
  expect(likenessOf(answered(deep), answered(deep)).isSame).toBe(true)
})

test('whole numbers beyond a double are told apart', () => {
  const id = (digits: string) => answered(`{"outputs":[{"name":"id","data":[${digits}]}]}`)
  expect(likenessOf(id('9007199254740993'), id('9007199254740995')).isSame).toBe(false)
  expect(likenessOf(id('9007199254740993'), id('9007199254740993')).isSame).toBe(true)
})
