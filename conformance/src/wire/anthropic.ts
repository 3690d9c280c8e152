// Anthropic messages, as its API reference writes them.

import {
  type Ask,
  halves,
  type Json,
  parameters,
  type Said,
  stops,
  type Turn,
  typedFrame,
  type WireDialect,
} from './wire-dialect.ts'

export const anthropic: WireDialect = {
  path: () => '/v1/messages',
  write,
  see,
  whole,
  frames,
  read,
  readFrames,
  error: (status, message) => ({
    type: 'error',
    error: { type: status === 400 ? 'invalid_request_error' : 'api_error', message },
  }),
  readError: (body) => (body?.type === 'error' ? body.error.message : ''),
}

function write(ask: Ask, model: string): object {
  const format = { type: 'json_schema', schema: ask.schema }
  return {
    ...{ model, max_tokens: ask.maxTokens, temperature: ask.temperature },
    ...(ask.system === '' ? {} : { system: ask.system }),
    messages: ask.turns.map(writeTurn),
    ...(ask.tools.length === 0
      ? {}
      : {
          tools: ask.tools.map((name) => ({
            ...{ name, description: 'a tool', input_schema: parameters },
          })),
        }),
    ...(ask.mustCall ? { tool_choice: { type: 'any' } } : {}),
    ...(ask.schema === null ? {} : { output_config: { format } }),
    ...(ask.stream ? { stream: true } : {}),
  }
}

function writeTurn({ role, text, image, pdf, calls, results }: Turn): object {
  const source = { type: 'base64', media_type: 'image/png', data: image }
  const pages = { type: 'base64', media_type: 'application/pdf', data: pdf }
  return {
    role,
    content: [
      ...(results ?? []).map((result) => ({
        ...{ type: 'tool_result', tool_use_id: result.id },
        content: [{ type: 'text', text: result.text }],
      })),
      ...(text === '' ? [] : [{ type: 'text', text }]),
      ...(image === undefined ? [] : [{ type: 'image', source }]),
      ...(pdf === undefined ? [] : [{ type: 'document', source: pages }]),
      ...(calls ?? []).map(({ id, name, args }) => ({ type: 'tool_use', id, name, input: args })),
    ],
  }
}

function see(body: Json): Ask {
  return {
    ...{ system: body.system ?? '', turns: body.messages.map(seeTurn) },
    tools: (body.tools ?? []).map(({ name }: Json) => name),
    mustCall: body.tool_choice?.type === 'any',
    schema: body.output_config?.format?.schema ?? null,
    ...{ maxTokens: body.max_tokens, temperature: body.temperature },
    stream: body.stream === true,
  }
}

function seeTurn({ role, content }: Json): Turn {
  const of = (type: string): Json[] => content.filter((block: Json) => block.type === type)
  const [image] = of('image')
  const [document] = of('document')
  const calls = of('tool_use').map(({ id, name, input }) => ({ id, name, args: input }))
  const results = of('tool_result').map((result) => ({
    ...{ id: result.tool_use_id, text: result.content[0].text },
  }))
  return {
    ...{ role, text: of('text')[0]?.text ?? '' },
    ...(image === undefined ? {} : { image: image.source.data }),
    ...(document === undefined ? {} : { pdf: document.source.data }),
    ...(calls.length === 0 ? {} : { calls }),
    ...(results.length === 0 ? {} : { results }),
  }
}

const reasons = {
  ...{ stop: 'end_turn', length: 'max_tokens', calls: 'tool_use', filtered: 'refusal' },
  odd: 'pause_turn',
} as const

function usageOf({ usage }: Said) {
  return {
    ...{ input_tokens: usage.input - usage.cached, cache_read_input_tokens: usage.cached },
    ...{ cache_creation_input_tokens: 0, output_tokens: usage.output },
  }
}

function whole(said: Said, model: string): object {
  return {
    ...{ id: 'msg_1', type: 'message', role: 'assistant', model },
    content: [
      ...thoughts(said),
      ...(said.text === '' ? [] : [{ type: 'text', text: said.text, ...citations(said) }]),
      ...said.calls.map(({ id, name, args }) => ({ type: 'tool_use', id, name, input: args })),
    ],
    ...{ stop_reason: reasons[said.stop], stop_sequence: null, usage: usageOf(said) },
  }
}

function citations({ cited }: Said): { citations?: object[] } {
  if (cited === undefined) return {}
  const about = { ...cited, cited_text: 'words', encrypted_index: 'x' }
  return { citations: [{ type: 'web_search_result_location', ...about }] }
}

function thoughts({ signature }: Said): object[] {
  return signature === undefined ? [] : [{ type: 'thinking', thinking: 'hm', signature }]
}

function frames(said: Said, model: string): string[] {
  const first = { ...whole(said, model), content: [], stop_reason: null }
  const usage = { ...usageOf(said), output_tokens: 1 }
  const all = [typedFrame({ type: 'message_start', ...{ message: { ...first, usage } } })]
  let index = 0
  const block = (content_block: object, deltas: readonly object[]) => {
    all.push(typedFrame({ type: 'content_block_start', ...{ index, content_block } }))
    for (const delta of deltas) {
      all.push(typedFrame({ type: 'content_block_delta', ...{ index, delta } }))
    }
    all.push(typedFrame({ type: 'content_block_stop', ...{ index } }))
    index += 1
  }
  if (said.signature !== undefined) {
    const { signature } = said
    const deltas = [
      { type: 'thinking_delta', thinking: 'hm' },
      { type: 'signature_delta', signature },
    ]
    block({ type: 'thinking', thinking: '', signature: '' }, deltas)
  }
  if (said.text !== '') {
    const texts = halves(said.text).map((text) => ({ type: 'text_delta', text }))
    const cited = citations(said).citations ?? []
    const deltas = [...cited.map((citation) => ({ type: 'citations_delta', citation })), ...texts]
    block({ type: 'text', text: '' }, deltas)
  }
  all.push(typedFrame({ type: 'ping' }))
  for (const { id, name, args } of said.calls) {
    const json = halves(JSON.stringify(args))
    const deltas = json.map((partial_json) => ({ type: 'input_json_delta', partial_json }))
    block({ type: 'tool_use', id, name, input: {} }, deltas)
  }
  const delta = { stop_reason: reasons[said.stop], stop_sequence: null }
  const last = { delta, usage: { output_tokens: said.usage.output } }
  return [
    ...all,
    typedFrame({ type: 'message_delta', ...last }),
    typedFrame({ type: 'message_stop' }),
  ]
}

function stopOf(reason: string): Said['stop'] {
  return stops.find((stop) => reasons[stop] === reason) ?? 'odd'
}

function readUsage(usage: Json): Said['usage'] {
  const cached = usage.cache_read_input_tokens
  return { input: usage.input_tokens + cached, output: usage.output_tokens, cached, reasoning: -1 }
}

function read(body: Json): Said {
  const of = (type: string): Json[] => body.content.filter((block: Json) => block.type === type)
  return {
    text: of('text')
      .map(({ text }) => text)
      .join(''),
    calls: of('tool_use').map(({ id, name, input }) => ({ id, name, args: input })),
    ...{ stop: stopOf(body.stop_reason), usage: readUsage(body.usage) },
    ...readCited(of('text')),
  }
}

function readCited(blocks: readonly Json[]): Pick<Said, 'cited'> {
  const block = blocks.find(({ citations }) => citations?.length > 0)
  if (block === undefined) return {}
  const { url, title } = block.citations[0]
  return { cited: { url, title, words: block.text } }
}

function readFrames(datas: readonly Json[]): Said {
  let message: Json = null
  const blocks: Json[] = []
  for (const event of datas) {
    if (event.type === 'message_start') message = event.message
    if (event.type === 'content_block_start')
      blocks[event.index] = { ...event.content_block, json: '' }
    const block = blocks[event.index]
    if (event.type === 'content_block_delta') {
      if (event.delta.type === 'text_delta') block.text += event.delta.text
      if (event.delta.type === 'citations_delta') {
        block.citations = [...(block.citations ?? []), event.delta.citation]
      }
      if (event.delta.type === 'input_json_delta') block.json += event.delta.partial_json
    }
    if (event.type === 'content_block_stop' && block.json !== '')
      block.input = JSON.parse(block.json)
    if (event.type === 'message_delta') {
      const usage = { ...message.usage, ...event.usage }
      message = { ...message, stop_reason: event.delta.stop_reason, usage }
    }
  }
  if (datas.at(-1)?.type !== 'message_stop') throw new Error('the stream has no message_stop')
  return read({ ...message, content: blocks })
}
