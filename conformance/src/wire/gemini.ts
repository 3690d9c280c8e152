// Gemini generateContent, as its API reference writes it.

import {
  type Ask,
  dataFrame,
  halves,
  type Json,
  parameters,
  type Said,
  stops,
  type Turn,
  type WireDialect,
} from './wire-dialect.ts'

export const gemini: WireDialect = {
  path: (model, stream) =>
    `/v1beta/models/${model}:${stream ? 'streamGenerateContent?alt=sse' : 'generateContent'}`,
  write,
  see,
  whole,
  frames,
  read,
  readFrames,
  error: (status, message) => ({ error: { code: status, message, status: 'INVALID_ARGUMENT' } }),
  readError: (body) => (typeof body?.error?.code === 'number' ? body.error.message : ''),
}

function write(ask: Ask): object {
  const names = new Map(ask.turns.flatMap(({ calls }) => (calls ?? []).map((c) => [c.id, c.name])))
  const format = { responseMimeType: 'application/json', responseJsonSchema: ask.schema }
  const functionDeclarations = ask.tools.map((name) => ({
    ...{ name, description: 'a tool', parametersJsonSchema: parameters },
  }))
  return {
    ...(ask.system === '' ? {} : { systemInstruction: { parts: [{ text: ask.system }] } }),
    contents: ask.turns.map((turn) => writeTurn(turn, names)),
    ...(ask.tools.length === 0 ? {} : { tools: [{ functionDeclarations }] }),
    ...(ask.mustCall ? { toolConfig: { functionCallingConfig: { mode: 'ANY' } } } : {}),
    generationConfig: {
      ...{ maxOutputTokens: ask.maxTokens, temperature: ask.temperature },
      ...(ask.schema === null ? {} : format),
    },
  }
}

function writeTurn(
  { role, text, image, pdf, calls, results }: Turn,
  names: Map<string, string>,
): object {
  return {
    role: role === 'assistant' ? 'model' : 'user',
    parts: [
      ...(results ?? []).map((result) => ({
        functionResponse: { name: names.get(result.id), response: { result: result.text } },
      })),
      ...(text === '' ? [] : [{ text }]),
      ...(image === undefined ? [] : [{ inlineData: { mimeType: 'image/png', data: image } }]),
      ...(pdf === undefined ? [] : [{ inlineData: { mimeType: 'application/pdf', data: pdf } }]),
      ...(calls ?? []).map(({ name, args }) => ({ functionCall: { name, args } })),
    ],
  }
}

/** Calls have no ids here: the engine numbers them, and results follow in order. */
function see(body: Json, url: string): Ask {
  let called = 0
  let resulted = 0
  const turns = body.contents.map(({ role, parts }: Json): Turn => {
    const of = (name: string): Json[] => parts.filter((part: Json) => name in part)
    const dataOf = (type: string): Json | undefined =>
      of('inlineData').find(({ inlineData }) => inlineData.mimeType === type)?.inlineData.data
    const [image, pdf] = [dataOf('image/png'), dataOf('application/pdf')]
    const calls = of('functionCall').map(({ functionCall: { name, args } }) => {
      called += 1
      return { id: `call_${called}`, name, args }
    })
    const results = of('functionResponse').map(({ functionResponse }) => {
      resulted += 1
      return { id: `call_${resulted}`, text: functionResponse.response.result }
    })
    return {
      ...{ role: role === 'model' ? 'assistant' : 'user', text: of('text')[0]?.text ?? '' },
      ...(image === undefined ? {} : { image: String(image) }),
      ...(pdf === undefined ? {} : { pdf: String(pdf) }),
      ...(calls.length === 0 ? {} : { calls }),
      ...(results.length === 0 ? {} : { results }),
    }
  })
  const config = body.generationConfig
  return {
    ...{ system: body.systemInstruction?.parts[0].text ?? '', turns },
    tools: (body.tools?.[0].functionDeclarations ?? []).map(({ name }: Json) => name),
    mustCall: body.toolConfig?.functionCallingConfig.mode === 'ANY',
    schema: config.responseJsonSchema ?? null,
    ...{ maxTokens: config.maxOutputTokens, temperature: config.temperature },
    stream: url.includes('stream'),
  }
}

function usageOf({ usage }: Said) {
  const reasoning = Math.max(0, usage.reasoning)
  return {
    ...{ promptTokenCount: usage.input, candidatesTokenCount: usage.output - reasoning },
    ...{ totalTokenCount: usage.input + usage.output, thoughtsTokenCount: reasoning },
    cachedContentTokenCount: usage.cached,
  }
}

function chunk(parts: object[], model: string, more: object = {}, usage: object = {}): object {
  const candidate = { content: { role: 'model', parts }, index: 0, ...more }
  return { candidates: [candidate], ...usage, modelVersion: model, responseId: 'resp-1' }
}

const reasons = {
  ...{ stop: 'STOP', length: 'MAX_TOKENS', calls: 'STOP', filtered: 'SAFETY' },
  odd: 'MALFORMED_FUNCTION_CALL',
} as const
const reasonOf = ({ stop }: Said) => ({ finishReason: reasons[stop] })

function grounded({ cited, text }: Said): object {
  if (cited === undefined) return {}
  const segment = { endIndex: Buffer.byteLength(text) }
  const groundingMetadata = {
    groundingChunks: [{ web: { uri: cited.url, title: cited.title } }],
    groundingSupports: [{ segment, groundingChunkIndices: [0] }],
  }
  return { groundingMetadata }
}

function readCited(metadata: Json, text: string): Pick<Said, 'cited'> {
  if (metadata === undefined) return {}
  const { groundingChunks, groundingSupports } = metadata
  const { segment, groundingChunkIndices } = groundingSupports[0]
  const { uri: url, title } = groundingChunks[groundingChunkIndices[0]].web
  const words = Buffer.from(text).subarray(segment.startIndex ?? 0, segment.endIndex)
  return { cited: { url, title, words: words.toString('utf8') } }
}

/** The first of several calls is signed. */
function writeCalls({ calls, signature }: Said): object[] {
  return calls.map(({ id, name, args }, i) => ({
    functionCall: { id, name, args },
    ...(signature === undefined || i > 0 ? {} : { thoughtSignature: signature }),
  }))
}

function whole(said: Said, model: string): object {
  const parts = [...(said.text === '' ? [] : [{ text: said.text }]), ...writeCalls(said)]
  const more = { ...reasonOf(said), ...grounded(said) }
  return chunk(parts, model, more, { usageMetadata: usageOf(said) })
}

function frames(said: Said, model: string): string[] {
  const calls = writeCalls(said)
  return [
    ...halves(said.text).map((text) => chunk([{ text }], model)),
    ...(calls.length === 0 ? [] : [chunk(calls, model)]),
    chunk(
      [{ text: '' }],
      model,
      { ...reasonOf(said), ...grounded(said) },
      { usageMetadata: usageOf(said) },
    ),
  ].map(dataFrame)
}

function read(body: Json): Said {
  const [candidate] = body.candidates
  const parts: Json[] = candidate.content.parts
  const usage = body.usageMetadata
  const calls = parts.flatMap(({ functionCall: call }) => (call === undefined ? [] : [call]))
  const reasoning = usage.thoughtsTokenCount ?? 0
  const stop = stops.find((one) => reasons[one] === candidate.finishReason) ?? 'odd'
  const text = parts.map((part) => part.text ?? '').join('')
  return {
    text,
    ...readCited(candidate.groundingMetadata, text),
    calls: calls.map(({ id, name, args }) => ({ id, name, args })),
    stop: stop === 'stop' && calls.length > 0 ? 'calls' : stop,
    usage: {
      ...{ input: usage.promptTokenCount, output: usage.candidatesTokenCount + reasoning },
      ...{ cached: usage.cachedContentTokenCount ?? 0, reasoning },
    },
  }
}

function readFrames(datas: readonly Json[]): Said {
  const parts = datas.flatMap((one) => one.candidates[0].content.parts)
  const last = datas.at(-1)
  const candidate = { ...last.candidates[0], content: { parts } }
  return read({ ...last, candidates: [candidate] })
}
