import { expect, test } from 'vitest'
import { answerOfEvents } from './answer-events.ts'
import type { ChatAnswer, ChatEvent } from './chat.ts'
import { ResponsesReader } from './responses-reader.ts'
import { newChatWriter } from './translate.ts'

function read(...events: readonly object[]): readonly ChatEvent[] {
  const reader = new ResponsesReader()
  return events.flatMap((event) => {
    const got = reader.read({ event: '', data: JSON.stringify(event) })
    if (typeof got === 'string') throw new Error(got)
    return got
  })
}

const call = { type: 'function_call', call_id: 'c', name: 'f' }
const added = (output_index: number) => ({
  ...{ type: 'response.output_item.added', output_index, item: { ...call, arguments: '' } },
})
const args = 'response.function_call_arguments'
const usage = { input_tokens: 3, output_tokens: 2 }
const over = (...output: readonly object[]) => ({
  ...{ type: 'response.completed', response: { id: 'r', status: 'completed', output, usage } },
})

test('E1, E2: arguments that only end are told, and those that came in pieces once', () => {
  const ended = { type: `${args}.done`, arguments: '{"x":1}' }
  const events = read(
    ...[added(0), { ...ended, output_index: 0 }, added(1)],
    ...[{ type: `${args}.delta`, output_index: 1, delta: '{"x":1}' }],
    ...[{ ...ended, output_index: 1 }, over(call, call)],
  )
  const parts = answerOfEvents(events)?.parts
  expect(parts).toMatchObject([{ arguments: '{"x":1}' }, { arguments: '{"x":1}' }])
})

test('E1: an engine that numbers its items in some events alone says nothing twice', () => {
  const text = 'response.output_text'
  const numbered = { output_index: 1, content_index: 0 }
  for (const [before, after] of [
    [{}, numbered],
    [numbered, {}],
    [numbered, { ...numbered, output_index: 2 }],
  ]) {
    const events = read(
      { type: `${text}.delta`, ...before, delta: 'so' },
      { type: `${text}.done`, ...after, text: 'so' },
      over(),
    )
    expect(answerOfEvents(events)?.parts).toEqual([{ kind: 'text', text: 'so' }])
  }
  for (const [before, after] of [
    [{}, { output_index: 1 }],
    [{ output_index: 1 }, {}],
  ]) {
    const pieces = read(
      { type: `${args}.delta`, ...before, delta: '{}' },
      { type: `${args}.done`, ...after, arguments: '{}' },
      over(),
    )
    expect(pieces.filter(({ kind }) => kind === 'tool-arguments')).toHaveLength(1)
  }
})

test('E1, E2: arguments that the end of an item alone says are told, and others once', () => {
  const whole = { ...call, arguments: '{"x":1}' }
  const ended = (output_index: number, item: object = whole) => {
    return { type: 'response.output_item.done', output_index, item }
  }
  const said = { type: `${args}.done`, arguments: '{"x":1}' }
  const pieces = { type: `${args}.delta`, delta: '{"x":1}' }
  const custom = { type: 'custom_tool_call', call_id: 'c', name: 'f', input: 'x' }
  for (const events of [
    [added(0), added(1), ended(0), ended(1)],
    [added(0), { ...said, output_index: 0 }, ended(0), added(1), ended(1)],
    [added(0), { ...pieces, output_index: 0 }, ended(0), added(1), ended(1)],
  ]) {
    const parts = answerOfEvents(read(...events, over(whole, whole)))?.parts
    expect(parts).toMatchObject([{ arguments: '{"x":1}' }, { arguments: '{"x":1}' }])
  }
  const unnumbered = read(added(0), pieces, said, ended(0), over(whole))
  expect(answerOfEvents(unnumbered)?.parts).toMatchObject([{ arguments: '{"x":1}' }])
  const begun = { type: 'response.output_item.added', output_index: 0, item: custom }
  const one = read(begun, ended(0, custom), over(custom))
  expect(answerOfEvents(one)?.parts).toMatchObject([{ name: 'f', arguments: 'x' }])
  expect(answerOfEvents(one)?.stop).toBe('tool-calls')
})

test('E2: a text, a refusal and a thought that only end', () => {
  const at = { output_index: 0, content_index: 0 }
  const thought = { type: 'response.reasoning_summary_text.done', summary_index: 0, text: 'hm' }
  const events = read(
    ...[
      { ...thought, output_index: 0 },
      { type: 'response.output_text.done', ...at, text: 'so' },
    ],
    ...[{ type: 'response.refusal.done', ...at, content_index: 1, refusal: 'no' }, over()],
  )
  expect(answerOfEvents(events)?.parts).toEqual([
    { kind: 'thinking', text: 'hm' },
    { kind: 'text', text: 'so' },
    { kind: 'text', text: 'no', isRefusal: true },
  ])
})

test('E2: where nothing was said the response says it, and what it counts is counted as told', () => {
  const message = { type: 'message', content: [{ type: 'output_text', text: 'so' }] }
  const whole = read(over(message, { ...call, arguments: '{}' }))
  expect(answerOfEvents(whole)).toMatchObject({
    parts: [{ text: 'so' }, { name: 'f', arguments: '{}' }],
    ...{ stop: 'tool-calls', usage: { input: 3, output: 2 } },
  })
  const uncounted = { type: 'response.completed', response: { status: 'completed', output: [] } }
  expect(read(uncounted).map(({ kind }) => kind)).toEqual(['stop', 'end'])
})

test('E1: what we write ourselves is read as it was', () => {
  const answer: ChatAnswer = {
    ...{ id: 'r', model: 'm', stop: 'tool-calls' },
    parts: [
      { kind: 'thinking', text: 'hm' },
      { kind: 'text', text: 'so' },
      { kind: 'tool-call', id: 'c', name: 'f', arguments: '{"x":1}' },
      { kind: 'tool-call', id: 'd', name: 'f', arguments: '' },
    ],
    usage: { input: 3, output: 2, cached: 0, cacheWritten: 0, reasoning: 0 },
  }
  const options = { id: 'r', model: 'm', createdS: 1, streamUsage: true, sent: null }
  const writer = newChatWriter('openai-responses', options, {})
  const frames = [
    { kind: 'thinking', text: 'hm' } as const,
    { kind: 'text', choice: 0, text: 'so' } as const,
    { kind: 'tool-start', index: 0, id: 'c', name: 'f' } as const,
    { kind: 'tool-arguments', index: 0, text: '{"x":1}' } as const,
    { kind: 'tool-start', index: 1, id: 'd', name: 'f' } as const,
    { kind: 'usage', usage: answer.usage } as const,
    { kind: 'stop', choice: 0, stop: 'tool-calls' } as const,
  ].map((event) => writer.write(event))
  const text = frames.join('') + writer.end()
  const events = [...text.matchAll(/^data: (.*)$/gm)].map(([, data = '']) => JSON.parse(data))
  expect(answerOfEvents(read(...events))).toEqual(answer)
})

test('E2: a piece without anything is none', () => {
  const of = { output_index: 0, content_index: 0 }
  const events = read(
    { type: 'response.output_text.delta', ...of, delta: '' },
    { type: 'response.output_text.done', ...of, text: 'hello' },
  )
  expect(events.filter(({ kind }) => kind === 'text')).toContainEqual(
    expect.objectContaining({ text: 'hello' }),
  )
})

test('E1, E2: a call that the end of its item alone says is told, and no other twice', () => {
  const whole = { ...call, arguments: '{"x":1}' }
  const text = { type: 'response.output_text.delta', output_index: 0, delta: 'so' }
  const ended = (output_index: number, item: object = whole) => {
    return { type: 'response.output_item.done', output_index, item }
  }
  const other = { ...whole, call_id: 'd' }
  const told = answerOfEvents(read(text, ended(1), ended(2, other), over(whole, other)))
  const parts = ['c', 'd'].map((id) => ({ kind: 'tool-call', id, arguments: '{"x":1}' }))
  expect(told?.parts).toMatchObject([{ text: 'so' }, ...parts])
  const pieces = { type: `${args}.delta`, delta: '{"x":1}' }
  for (const events of [
    [added(0), { ...pieces, output_index: 0 }, ended(1)], // numbered otherwise
    [added(0), pieces, ended(0)],
    [ended(0), ended(0)],
  ]) {
    expect(answerOfEvents(read(...events, over(whole)))?.parts).toMatchObject([parts[0]])
  }
})

test('E1: texts and calls that nobody numbers are told once', () => {
  const part = (text: string) => ({ type: 'output_text', text })
  const message = (text: string) => ({ type: 'message', content: [part(text)] })
  const delta = { type: 'response.output_text.delta' }
  const texts = read(
    { ...delta, delta: 'a' },
    { ...delta, delta: 'b' },
    over(message('a'), message('b')),
  )
  expect(answerOfEvents(texts)?.parts).toEqual([{ kind: 'text', text: 'ab' }])
  const [one, two] = ['c', 'd'].map((call_id) => ({ ...call, call_id, arguments: '{"x":1}' }))
  const told = [one, two].flatMap((item) => [
    { type: 'response.output_item.added', item: { ...item, arguments: '' } },
    { type: `${args}.delta`, delta: '{"x":1}' },
    { type: `${args}.done`, arguments: '{"x":1}' },
  ])
  const calls = answerOfEvents(read(...told, over(one ?? {}, two ?? {})))?.parts
  expect(calls).toMatchObject([
    { id: 'c', arguments: '{"x":1}' },
    { id: 'd', arguments: '{"x":1}' },
  ])
})

test('E3: what an item begins with is told once, whether its pieces say it again or go on', () => {
  const begun = { ...added(0), item: { ...call, arguments: '{"x":1}' } }
  const pieces = { type: `${args}.delta`, output_index: 0 }
  const ended = { type: `${args}.done`, output_index: 0, arguments: '{"x":1}' }
  const again = [
    { ...pieces, delta: '{"x"' },
    { ...pieces, delta: ':1}' },
  ]
  const other = { ...added(1), item: { ...call, call_id: 'd', arguments: '{}' } }
  const begins = { ...added(0), item: { ...call, arguments: '{"x"' } }
  for (const events of [
    [begun],
    [begun, ...again, ended],
    [begun, ended],
    [begun, other, ...again],
    [begins, { ...pieces, delta: ':1}' }, ended],
    [{ ...begun, item: { ...call, arguments: '{}' } }, ...again],
  ]) {
    const [first] = answerOfEvents(read(...events, over()))?.parts ?? []
    expect(first).toMatchObject({ id: 'c', arguments: '{"x":1}' })
  }
  const blank = answerOfEvents(read(begun, other, over()))?.parts
  expect(blank?.[1]).toMatchObject({ id: 'd', arguments: '{}' })
})

test('E1: a sealed thought is signed once, however often its item is told', () => {
  const thought = { type: 'reasoning', summary: [], encrypted_content: 'sealed' }
  const ended = { type: 'response.output_item.done', output_index: 0, item: thought }
  for (const events of [[ended], [ended, ended], []]) {
    const signed = read(...events, over(thought)).filter(({ kind }) => kind === 'signature')
    expect(signed).toEqual([{ kind: 'signature', text: 'openai:sealed' }])
  }
})

const delta = { type: 'response.output_text.delta', output_index: 0, content_index: 0, delta: 'so' }
const said = (...texts: readonly string[]) => ({
  ...{ type: 'message', content: texts.map((text) => ({ type: 'output_text', text })) },
})
const textOf = (...events: readonly object[]) =>
  read(...events)
    .map((event) => (event.kind === 'text' ? event.text : ''))
    .join('')
const argumentsOf = (id: string, ...events: readonly object[]) => {
  const parts = answerOfEvents(read(...events))?.parts ?? []
  return parts.flatMap((part) =>
    part.kind === 'tool-call' && part.id === id ? part.arguments : [],
  )
}

test('E1: pieces without a number are of the item that they name, or of the last', () => {
  const piece = { type: `${args}.delta`, delta: '{"x":1}' }
  const told = read(added(1), piece, over())
  expect(told).toContainEqual({ kind: 'tool-arguments', index: 1, text: '{"x":1}' })
  const begun = ['c', 'd'].map((call_id, output_index) => {
    const item = { ...call, call_id, id: `fc_${call_id}`, arguments: '' }
    return { type: 'response.output_item.added', output_index, item }
  })
  const named = { ...piece, item_id: 'fc_c' }
  expect(argumentsOf('c', ...begun, named, over())).toEqual(['{"x":1}'])
})

test('E1: a call is known by its id wherever it ends', () => {
  const piece = { type: `${args}.delta`, output_index: 0, delta: '{"x"' }
  const item = { ...call, arguments: '{"x":1}' }
  const ended = { type: 'response.output_item.done', output_index: 1, item }
  expect(argumentsOf('c', added(0), piece, ended, over())).toEqual(['{"x":1}'])
})

test('E1: a text is known by what it says where its end counts parts otherwise', () => {
  const told = [
    { ...delta, content_index: 1 },
    { type: 'response.output_text.done', output_index: 0, content_index: 1, text: 'so' },
  ]
  const ended = { type: 'response.output_item.done', output_index: 0, item: said('so') }
  expect(textOf(...told, ended, over(said('so')))).toBe('so')
  const more = { ...ended, item: said('so!') }
  expect(textOf({ ...delta, content_index: 1 }, more, over(said('so!')))).toBe('so!')
  const first = { type: 'response.output_text.done', output_index: 0, text: 'x' }
  const last = { ...first, output_index: 2, text: 'so' }
  expect(textOf(first, { ...delta, output_index: 1 }, last, over())).toBe('xso')
})

test('E1, E2: in doubt a text was told, but each stands for one of those at the end', () => {
  expect(textOf(delta, over(said('another')))).toBe('so')
  const elsewhere = { ...delta, output_index: 5 }
  expect(textOf(elsewhere, over(said('another', 'two')))).toBe('sotwo')
})

test('E3: what two texts begin with is told, in whatever order their parts are', () => {
  const begun = (output_index: number, text: string) => ({
    ...{ type: 'response.content_part.added', output_index, content_index: 0 },
    part: { type: 'output_text', text },
  })
  expect(textOf(begun(0, ''), begun(1, 'b'), begun(0, 'a'), over())).toBe('ba')
})

test('E3: a call that was told whole is told by no piece', () => {
  const begun = { ...added(0), item: { ...call, arguments: '{"x":1}' } }
  const other = { ...added(1), item: { ...call, call_id: 'd', arguments: '{}' } }
  const again = ['{"x"', ':1}'].map((delta) => {
    return { type: `${args}.delta`, output_index: 0, delta }
  })
  const ended = { type: `${args}.done`, output_index: 0, arguments: '{"x":1}' }
  for (const whole of [
    [begun, other],
    [added(0), ended],
  ]) {
    const told = read(...whole, ...again, over()).filter((event) => {
      return event.kind === 'tool-arguments' && event.index === 0
    })
    expect(told).toHaveLength(1)
  }
})

test('E1: an item is signed once, whatever its number, and however it is sealed', () => {
  const sealed = (encrypted_content: string) => ({ type: 'reasoning', encrypted_content })
  const ended = (output_index: number) => {
    return { type: 'response.output_item.done', output_index, item: sealed('one') }
  }
  const signed = (...events: readonly object[]) =>
    read(...events).filter(({ kind }) => kind === 'signature').length
  expect(signed(ended(1), over(sealed('one')))).toBe(1)
  expect(signed(ended(0), over(sealed('anew')))).toBe(1)
  expect(signed(ended(0), over(sealed('one'), sealed('two')))).toBe(2)
})

test('what is cited once the text is over cannot be placed, and is left out', () => {
  const part = { type: 'output_text', text: 'so' }
  const ended = { type: 'response.content_part.done', output_index: 0, content_index: 0, part }
  const note = { type: 'url_citation', url: 'https://x.example', title: 'x', start_index: 0 }
  const whole = { type: 'message', content: [{ ...part, annotations: [note] }] }
  const cited = (...events: readonly object[]) =>
    read(...events, over(whole)).filter(({ kind }) => kind === 'citation').length
  expect([cited(delta), cited(delta, ended)]).toEqual([1, 0])
})

test('E3: what an item begins with is told before what is cited of it', () => {
  const item = { type: 'message', content: [{ type: 'output_text', text: 'so' }] }
  const citation = { type: 'url_citation', url: 'https://x.example', start_index: 0, end_index: 2 }
  const of = { output_index: 0, content_index: 0 }
  const events = read(
    { type: 'response.output_item.added', output_index: 0, item },
    { type: 'response.output_text.annotation.added', ...of, annotation: citation },
    { type: 'response.output_text.delta', ...of, delta: ' it is' },
  )
  expect(events.map(({ kind }) => kind)).toEqual(['text', 'citation', 'text'])
})

test('E4: more texts than any answer has are an error, told one by one or all at the end', () => {
  const message = (i: number) => ({ content: [{ type: 'output_text', text: `t${i}` }] })
  const many = Array.from({ length: 100_000 }, (_, i) => ({ type: 'message', ...message(i) }))
  expect(() => read(over(...many))).toThrow('more than 2000 texts')
  const ends = many.map((item, output_index) => {
    return { type: 'response.output_item.done', output_index, item }
  })
  expect(() => read(...ends)).toThrow('more than 2000 texts')
  expect(read(...ends.slice(0, 2_000), over()).filter(({ kind }) => kind === 'text')).toHaveLength(
    2_000,
  )
})
