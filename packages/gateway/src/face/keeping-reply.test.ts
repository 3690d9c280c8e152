// What passes through a reply that keeps, where nothing can be made of it.

import { type JsonObject, objectOf } from '@tutti/core/dialect'
import { expect, test } from 'vitest'
import type { Reply } from '../wire/index.ts'
import { type Keeping, KeepingReply } from './keeping-reply.ts'

/** What reaches the caller of a stream, and how it ends. */
function bed(keeping: Partial<Keeping> = {}) {
  const said: string[] = []
  const inner: Reply = {
    ...{ hasBegun: true, isGone: false, waitingBytes: 0 },
    ...{ header: () => {}, send: () => {}, begin: () => {}, onGone: () => {} },
    ...{ drained: async () => true, destroy: () => void said.push('destroyed') },
    cutAfter: async (bytes) => void said.push(bytes, 'cut'),
    write: (bytes) => said.push(String(bytes)) > 0,
    end: () => void said.push('end'),
  }
  const reply = new KeepingReply(inner, {
    ...{ id: 'resp_1', previousId: null, isAsked: true, isNamed: false, isSealed: false },
    keep: async () => true,
    ...keeping,
  })
  return { said, reply }
}
const turned = () => new Promise((resolve) => setImmediate(resolve))
const ended = 'data: {"type":"response.completed","response":{"status":"completed"}}\n\n'

test('a stream whose response can be neither kept nor said is cut, and nobody fails for it (R1)', async () => {
  const tooDeep = new RangeError('Maximum call stack size exceeded')
  for (const [error, end] of [
    [tooDeep, [expect.stringContaining('malformed_answer'), 'cut']],
    [new Error('our own'), ['destroyed']],
  ] as const) {
    const { said, reply } = bed({ keep: () => Promise.reject(error) })
    reply.write(ended)
    reply.end()
    await turned()
    expect(said).toEqual(end)
  }
})

test('R6: an event that is nested too deep to be written ends its answer, and no more', async () => {
  const { said, reply } = bed({ isNamed: true })
  const nested = '['.repeat(50_000) + ']'.repeat(50_000)
  const item = `{"type":"message","content":${nested}}`
  reply.write(`data: {"type":"response.output_item.done","output_index":0,"item":${item}}\n\n`)
  reply.write(ended)
  await reply.drained()
  reply.end()
  await turned()
  expect(said).toEqual([expect.stringContaining('malformed_answer'), 'cut'])
})

test('R5: pieces go on byte by byte but for the id of their item', () => {
  const { said, reply } = bed({ isNamed: true })
  const rest = '"delta":"a\\u0062",  "logprobs":[{"logprob":-0.10}],"n":1.0}'
  const piece = (type: string, id: string) =>
    `event: x\ndata: {"type":"response.${type}","item_id":"${id}","output_index":2,${rest}\n\n`
  for (const [type, id] of [
    ['output_text.delta', 'msg_1_2'],
    ['output_text.done', 'msg_1_2'],
    ['reasoning_text.delta', 'msg_0'],
  ] as const) {
    reply.write(piece(type, 'msg_0'))
    expect(said.pop()).toBe(piece(type, id))
  }
  const late =
    'data: {"type":"response.output_text.delta","output_index":2,"x":[],"item_id":"msg_0"}'
  reply.write(`${late}\n\n`)
  expect(said.pop()).toContain('"msg_1_2"')
  const unnamed = bed()
  unnamed.reply.write(piece('output_text.delta', 'msg_0'))
  expect(unnamed.said.pop()).toBe(piece('output_text.delta', 'msg_0'))
})

test('R3, R7: items that the end leaves out are kept and said as they were told, and no others', async () => {
  const text = (text: string) => [{ type: 'output_text', text }]
  const told = (at: number, content: object[]) => {
    const item = { type: 'message', id: 'msg_0', content }
    const event = { type: 'response.output_item.done', output_index: at, item }
    return `data: ${JSON.stringify(event)}\n\n`
  }
  const end = (output: object[]) => {
    const response = { status: 'completed', output }
    return `data: ${JSON.stringify({ type: 'response.completed', response })}\n\n`
  }
  for (const [output, contents] of [
    [[], [text('a'), text('b')]],
    [[{ type: 'message', id: 'msg_0', content: text('c') }], [text('c')]],
  ] as const) {
    const kept: JsonObject[] = []
    const id = `resp_tutti_${'a'.repeat(32)}`
    const keep = async (response: JsonObject) => kept.push(response) > 0
    const { said, reply } = bed({ id, isNamed: true, keep })
    reply.write(told(3, text('b')))
    reply.write(told(1, text('a')))
    reply.write(end([...output]))
    reply.end()
    await turned()
    const [late, early, last = ''] = said
    const [response] = kept
    const items = (response?.['output'] ?? []) as JsonObject[]
    expect(items.map(({ content }) => content)).toEqual(contents)
    expect(JSON.parse(last.slice('data: '.length)).response.output).toEqual(items)
    if (output.length > 0) continue
    for (const [event, item] of [
      [early, items[0]],
      [late, items[1]],
    ]) {
      expect(event).toContain(JSON.stringify(objectOf(item)['id']))
    }
  }
})

test('R7: of more items than are kept none is held, and the response is not kept', async () => {
  const kept: JsonObject[] = []
  const keep = async (response: JsonObject) => kept.push(response) > 0
  const { said, reply } = bed({ id: `resp_tutti_${'a'.repeat(32)}`, isNamed: true, keep })
  const content = [{ type: 'output_text', text: 'x'.repeat(2 ** 20) }]
  for (let at = 0; at < 5; at++) {
    const event = { type: 'response.output_item.done', output_index: at, item: { content } }
    reply.write(`data: ${JSON.stringify(event)}\n\n`)
  }
  const response = { status: 'completed', output: [] }
  reply.write(`data: ${JSON.stringify({ type: 'response.completed', response })}\n\n`)
  reply.end()
  await turned()
  expect(kept).toEqual([])
  const last = JSON.parse(said[5]?.slice('data: '.length) ?? '')
  expect(last.response).toMatchObject({ status: 'completed', output: [], store: false })
})
