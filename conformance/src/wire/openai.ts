// OpenAI chat completions, as its API reference writes them.

import {
  type Ask,
  type Call,
  dataFrame,
  halves,
  type Json,
  parameters,
  type Said,
  stops,
  type Turn,
  type WireDialect,
} from './wire-dialect.ts'

export const openai: WireDialect = {
  path: () => '/v1/chat/completions',
  write,
  see,
  whole,
  frames,
  read,
  readFrames,
  error: (_, message) => ({
    error: { message, type: 'invalid_request_error', param: null, code: null },
  }),
  readError: (body) => body?.error?.message ?? '',
}

function write(ask: Ask, model: string): object {
  const tool = (name: string) => ({
    ...{ type: 'function', function: { name, description: 'a tool', parameters } },
  })
  const schema = { name: 'answer', strict: true, schema: ask.schema }
  return {
    model,
    messages: [
      ...(ask.system === '' ? [] : [{ role: 'system', content: ask.system }]),
      ...ask.turns.flatMap(writeTurn),
    ],
    ...(ask.tools.length === 0 ? {} : { tools: ask.tools.map(tool) }),
    ...(ask.mustCall ? { tool_choice: 'required' } : {}),
    ...(ask.schema === null
      ? {}
      : { response_format: { type: 'json_schema', json_schema: schema } }),
    ...{ max_completion_tokens: ask.maxTokens, temperature: ask.temperature },
    ...(ask.stream ? { stream: true, stream_options: { include_usage: true } } : {}),
  }
}

function writeTurn({ role, text, image, pdf, calls, results }: Turn): object[] {
  if (role === 'assistant') {
    const tool_calls = calls?.map(writeCall)
    return [{ role, content: text, ...(tool_calls === undefined ? {} : { tool_calls }) }]
  }
  const answers = (results ?? []).map((result) => ({
    ...{ role: 'tool', tool_call_id: result.id, content: result.text },
  }))
  if (text === '') return answers
  if (image === undefined && pdf === undefined) return [...answers, { role, content: text }]
  const url = `data:image/png;base64,${image}`
  const file = { filename: 'x.pdf', file_data: `data:application/pdf;base64,${pdf}` }
  const seen = [
    ...(image === undefined ? [] : [{ type: 'image_url', image_url: { url } }]),
    ...(pdf === undefined ? [] : [{ type: 'file', file }]),
  ]
  return [...answers, { role, content: [{ type: 'text', text }, ...seen] }]
}

function writeCall({ id, name, args }: Call) {
  return { id, type: 'function', function: { name, arguments: JSON.stringify(args) } }
}

function see(body: Json): Ask {
  const turns: Turn[] = []
  for (const message of body.messages.filter(({ role }: Json) => role !== 'system')) {
    const results = [{ id: message.tool_call_id, text: message.content }]
    const last = turns.at(-1)
    if (message.role !== 'tool') turns.push(seeTurn(message))
    else if (last?.results === undefined) turns.push({ role: 'user', text: '', results })
    else turns[turns.length - 1] = { ...last, results: [...last.results, ...results] }
  }
  return {
    system: body.messages.find(({ role }: Json) => role === 'system')?.content ?? '',
    turns,
    tools: (body.tools ?? []).map((tool: Json) => tool.function.name),
    mustCall: body.tool_choice === 'required',
    schema: body.response_format?.json_schema?.schema ?? null,
    maxTokens: body.max_completion_tokens ?? body.max_tokens,
    temperature: body.temperature,
    stream: body.stream === true,
  }
}

function seeTurn({ role, content, tool_calls }: Json): Turn {
  const parts: Json[] = typeof content === 'string' ? [{ type: 'text', text: content }] : content
  const url: string | undefined = parts?.find(({ type }) => type === 'image_url')?.image_url.url
  const pdf: string | undefined = parts?.find(({ type }) => type === 'file')?.file.file_data
  const calls = tool_calls?.map(seeCall)
  return {
    ...{ role, text: parts?.find(({ type }) => type === 'text')?.text ?? '' },
    ...(url === undefined ? {} : { image: url.split(',')[1] ?? '' }),
    ...(pdf === undefined ? {} : { pdf: pdf.split(',')[1] ?? '' }),
    ...(calls === undefined ? {} : { calls }),
  }
}

function seeCall(call: Json): Call {
  return { id: call.id, name: call.function.name, args: JSON.parse(call.function.arguments) }
}

const reasons = {
  ...{ stop: 'stop', length: 'length', calls: 'tool_calls', filtered: 'content_filter' },
  odd: 'paused',
} as const

function usageOf({ usage }: Said) {
  return {
    prompt_tokens: usage.input,
    completion_tokens: usage.output,
    total_tokens: usage.input + usage.output,
    prompt_tokens_details: { cached_tokens: usage.cached },
    completion_tokens_details: { reasoning_tokens: Math.max(0, usage.reasoning) },
  }
}

function annotated({ cited, text }: Said): object {
  if (cited === undefined) return {}
  const url_citation = { ...cited, start_index: 0, end_index: [...text].length }
  return { annotations: [{ type: 'url_citation', url_citation }] }
}

function readCited(annotations: Json, text: string): Pick<Said, 'cited'> {
  if (annotations === undefined) return {}
  const { url, title, start_index, end_index } = annotations[0].url_citation
  return { cited: { url, title, words: [...text].slice(start_index, end_index).join('') } }
}

/** As Google's models do where they speak this dialect. */
function signed({ signature: thought_signature }: Said, place: number): object {
  const isSigned = thought_signature !== undefined && place === 0
  return isSigned ? { extra_content: { google: { thought_signature } } } : {}
}

function whole(said: Said, model: string): object {
  const calls =
    said.calls.length === 0
      ? {}
      : { tool_calls: said.calls.map((one, i) => ({ ...writeCall(one), ...signed(said, i) })) }
  const content = said.text === '' ? null : said.text
  const message = { role: 'assistant', content, refusal: null, ...annotated(said), ...calls }
  const choice = { index: 0, message, logprobs: null, finish_reason: reasons[said.stop] }
  return {
    ...{ id: 'chatcmpl-1', object: 'chat.completion', created: 1_700_000_000, model },
    ...{ choices: [choice], usage: usageOf(said) },
  }
}

function frames(said: Said, model: string): string[] {
  const chunk = (choices: object[], usage: object | null = null) =>
    dataFrame({
      ...{ id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1_700_000_000, model },
      ...{ choices, ...(usage === null ? {} : { usage }) },
    })
  const delta = (delta: object, finish_reason: string | null = null) =>
    chunk([{ index: 0, delta, finish_reason }])
  return [
    delta({ role: 'assistant', content: '' }),
    ...halves(said.text).map((content) => delta({ content })),
    ...(said.cited === undefined ? [] : [delta(annotated(said))]),
    ...said.calls.flatMap((call, index) => [
      delta({
        tool_calls: [
          {
            ...{ index, id: call.id, type: 'function', ...signed(said, index) },
            function: { name: call.name, arguments: '' },
          },
        ],
      }),
      ...halves(JSON.stringify(call.args)).map((text) =>
        delta({ tool_calls: [{ index, function: { arguments: text } }] }),
      ),
    ]),
    delta({}, reasons[said.stop]),
    chunk([], usageOf(said)),
    'data: [DONE]\n\n',
  ]
}

function stopOf(reason: string): Said['stop'] {
  return stops.find((stop) => reasons[stop] === reason) ?? 'odd'
}

function readUsage(usage: Json): Said['usage'] {
  return {
    ...{ input: usage?.prompt_tokens, output: usage?.completion_tokens },
    cached: usage?.prompt_tokens_details?.cached_tokens,
    reasoning: usage?.completion_tokens_details?.reasoning_tokens,
  }
}

function read(body: Json): Said {
  const { message, finish_reason } = body.choices[0]
  return {
    ...{ text: message.content ?? '', calls: (message.tool_calls ?? []).map(seeCall) },
    ...{ stop: stopOf(finish_reason), usage: readUsage(body.usage) },
    ...readCited(message.annotations, message.content),
  }
}

function readFrames(datas: readonly Json[]): Said {
  let text = ''
  let stop: Said['stop'] = 'stop'
  let usage: Json = null
  const calls: { id: string; name: string; args: string }[] = []
  for (const { choices, usage: own } of datas) {
    usage = own ?? usage
    const [choice] = choices
    text += choice?.delta.content ?? ''
    if (choice?.finish_reason) stop = stopOf(choice.finish_reason)
    for (const call of choice?.delta.tool_calls ?? []) {
      const { name, arguments: args } = call.function
      calls[call.index] ??= { id: call.id, name, args: '' }
      const known = calls[call.index]
      if (known !== undefined) known.args += args ?? ''
    }
  }
  const parsed = calls.map(({ id, name, args }) => ({ id, name, args: JSON.parse(args) }))
  const all = datas.flatMap(({ choices }) => choices[0]?.delta.annotations ?? [])
  const cited = readCited(all.length === 0 ? undefined : all, text)
  return { text, calls: parsed, stop, usage: readUsage(usage), ...cited }
}
