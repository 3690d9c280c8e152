// OpenAI Responses, as its API reference writes it.

import { openai } from './openai.ts'
import {
  type Ask,
  type Call,
  halves,
  type Json,
  parameters,
  type Said,
  type Turn,
  typedFrame,
  type WireDialect,
} from './wire-dialect.ts'

export const responses: WireDialect = {
  path: () => '/v1/responses',
  write,
  see,
  whole,
  frames,
  read,
  readFrames,
  error: openai.error,
  readError: openai.readError,
}

function write(ask: Ask, model: string): object {
  const tool = (name: string) => ({
    ...{ type: 'function', name, description: 'a tool', parameters, strict: false },
  })
  const format = { type: 'json_schema', name: 'answer', strict: true, schema: ask.schema }
  return {
    ...{ model, max_output_tokens: ask.maxTokens, temperature: ask.temperature, store: false },
    ...(ask.system === '' ? {} : { instructions: ask.system }),
    input: ask.turns.flatMap(writeTurn),
    ...(ask.tools.length === 0 ? {} : { tools: ask.tools.map(tool) }),
    ...(ask.mustCall ? { tool_choice: 'required' } : {}),
    ...(ask.schema === null ? {} : { text: { format } }),
    ...(ask.stream ? { stream: true } : {}),
  }
}

function writeTurn({ role, text, image, pdf, calls, results }: Turn): object[] {
  const type = role === 'assistant' ? 'output_text' : 'input_text'
  const image_url = `data:image/png;base64,${image}`
  const file_data = `data:application/pdf;base64,${pdf}`
  const content = [
    { type, text },
    ...(image === undefined ? [] : [{ type: 'input_image', image_url, detail: 'auto' }]),
    ...(pdf === undefined ? [] : [{ type: 'input_file', filename: 'x.pdf', file_data }]),
  ]
  return [
    ...(results ?? []).map((result) => ({
      ...{ type: 'function_call_output', call_id: result.id, output: result.text },
    })),
    ...(text === '' ? [] : [{ type: 'message', role, content }]),
    ...(calls ?? []).map(({ id, name, args }) => ({
      ...{ type: 'function_call', call_id: id, name, arguments: JSON.stringify(args) },
    })),
  ]
}

function see(body: Json): Ask {
  const turns: Turn[] = []
  const last = () => turns.at(-1)
  const add = (role: Turn['role'], more: Partial<Turn>) => {
    const before = last()
    if (before?.role !== role) turns.push({ role, text: '', ...more })
    else turns[turns.length - 1] = { ...before, ...more }
  }
  for (const item of body.input) {
    if (item.type === 'function_call') {
      add('assistant', { calls: [...(last()?.calls ?? []), callOf(item)] })
    } else if (item.type === 'function_call_output') {
      const result = { id: item.call_id, text: item.output }
      const before = last()?.role === 'user' ? (last()?.results ?? []) : []
      add('user', { results: [...before, result] })
    } else {
      const image = item.content.find(({ type }: Json) => type === 'input_image')?.image_url
      const pdf = item.content.find(({ type }: Json) => type === 'input_file')?.file_data
      const more = {
        ...(image === undefined ? {} : { image: image.split(',')[1] }),
        ...(pdf === undefined ? {} : { pdf: pdf.split(',')[1] }),
      }
      add(item.role, { text: item.content[0].text, ...more })
    }
  }
  return {
    ...{ system: body.instructions ?? '', turns },
    tools: (body.tools ?? []).map(({ name }: Json) => name),
    mustCall: body.tool_choice === 'required',
    schema: body.text?.format?.schema ?? null,
    ...{ maxTokens: body.max_output_tokens, temperature: body.temperature },
    stream: body.stream === true,
  }
}

function callOf({ call_id, name, arguments: args }: Json): Call {
  return { id: call_id, name, args: JSON.parse(args) }
}

function usageOf({ usage }: Said) {
  return {
    ...{ input_tokens: usage.input, output_tokens: usage.output },
    input_tokens_details: { cached_tokens: usage.cached, cache_write_tokens: 0 },
    output_tokens_details: { reasoning_tokens: Math.max(0, usage.reasoning) },
    total_tokens: usage.input + usage.output,
  }
}

function annotationsOf({ cited, text }: Said): object[] {
  if (cited === undefined) return []
  return [{ type: 'url_citation', ...cited, start_index: 0, end_index: [...text].length }]
}

function readCited({ text, annotations }: Json): Pick<Said, 'cited'> {
  if (annotations.length === 0) return {}
  const { url, title, start_index, end_index } = annotations[0]
  return { cited: { url, title, words: [...text].slice(start_index, end_index).join('') } }
}

function items(said: Said): Json[] {
  const annotations = annotationsOf(said)
  const content = [{ type: 'output_text', text: said.text, annotations, logprobs: [] }]
  const about = { id: 'msg_1', type: 'message', status: 'completed', role: 'assistant' }
  const { signature: encrypted_content } = said
  return [
    ...(encrypted_content === undefined
      ? []
      : [{ id: 'rs_1', type: 'reasoning', summary: [], encrypted_content }]),
    ...(said.text === '' ? [] : [{ ...about, content }]),
    ...said.calls.map(({ id, name, args }, i) => ({
      ...{ id: `fc_${i}`, type: 'function_call', status: 'completed', call_id: id, name },
      arguments: JSON.stringify(args),
    })),
  ]
}

function statusOf(stop: Said['stop']): string {
  if (stop === 'odd') return 'cancelled'
  return stop === 'length' || stop === 'filtered' ? 'incomplete' : 'completed'
}

function whole(said: Said, model: string): object {
  const isCut = said.stop === 'length' || said.stop === 'filtered'
  const reason = said.stop === 'length' ? 'max_output_tokens' : 'content_filter'
  return {
    ...{ id: 'resp_1', object: 'response', created_at: 1_700_000_000, model, error: null },
    ...{ status: statusOf(said.stop), output: items(said), usage: usageOf(said) },
    incomplete_details: isCut ? { reason } : null,
    ...{ instructions: null, metadata: {}, parallel_tool_calls: true, temperature: 1, top_p: 1 },
    ...{ tool_choice: 'auto', tools: [] },
  }
}

function frames(said: Said, model: string): string[] {
  const all: string[] = []
  const add = (type: string, more: object) =>
    all.push(typedFrame({ type, ...{ sequence_number: all.length, ...more } }))
  const response: Json = whole(said, model)
  add('response.created', { response: { ...response, status: 'in_progress', output: [] } })
  for (const [output_index, item] of items(said).entries()) {
    const place = { item_id: item.id, output_index }
    if (item.type === 'message') {
      const part = { type: 'output_text', text: '', annotations: [], logprobs: [] }
      const at = { ...place, content_index: 0 }
      const opened = { ...item, content: [], status: 'in_progress' }
      add('response.output_item.added', { output_index, item: opened })
      add('response.content_part.added', { ...at, part })
      for (const delta of halves(said.text)) {
        add('response.output_text.delta', { ...at, delta, logprobs: [] })
      }
      const [annotation] = annotationsOf(said)
      if (annotation !== undefined) {
        const more = { ...at, annotation_index: 0, annotation }
        add('response.output_text.annotation.added', more)
      }
      add('response.output_text.done', { ...at, text: said.text, logprobs: [] })
      add('response.content_part.done', { ...at, part: item.content[0] })
    } else if (item.type === 'reasoning') {
      const { encrypted_content: _, ...opened } = item
      add('response.output_item.added', { output_index, item: opened })
    } else {
      const opened = { ...item, arguments: '', status: 'in_progress' }
      add('response.output_item.added', { output_index, item: opened })
      for (const delta of halves(item.arguments)) {
        add('response.function_call_arguments.delta', { ...place, delta })
      }
      const done = { ...place, name: item.name, arguments: item.arguments }
      add('response.function_call_arguments.done', done)
    }
    add('response.output_item.done', { output_index, item })
  }
  add(`response.${statusOf(said.stop)}`, { response })
  return all
}

function read(body: Json): Said {
  const of = (type: string): Json[] => body.output.filter((item: Json) => item.type === type)
  const calls = of('function_call').map(callOf)
  const usage = body.usage
  return {
    text: of('message')
      .map(({ content }) => content[0].text)
      .join(''),
    calls,
    stop: stopOf(body, calls.length),
    ...(of('message')[0] === undefined ? {} : readCited(of('message')[0].content[0])),
    usage: {
      ...{ input: usage.input_tokens, output: usage.output_tokens },
      cached: usage.input_tokens_details.cached_tokens,
      reasoning: usage.output_tokens_details.reasoning_tokens,
    },
  }
}

function stopOf({ status, incomplete_details: why }: Json, calls: number): Said['stop'] {
  if (status === 'incomplete') return why.reason === 'content_filter' ? 'filtered' : 'length'
  return calls > 0 ? 'calls' : 'stop'
}

/** What the deltas say must be what the last event says. */
function readFrames(datas: readonly Json[]): Said {
  const last = datas.at(-1)
  const said = read(last.response)
  const deltas = datas
    .filter(({ type }) => type === 'response.output_text.delta')
    .map(({ delta }) => delta)
  if (deltas.join('') !== said.text) throw new Error('the deltas are not the text of the response')
  const told = datas.filter(({ type }) => type === 'response.output_text.annotation.added')
  if (told.length !== (said.cited === undefined ? 0 : 1)) throw new Error('it cites otherwise')
  const numbers = datas.map(({ sequence_number }) => sequence_number)
  if (numbers.some((number, i) => number !== i)) throw new Error('the events are not numbered')
  return said
}
