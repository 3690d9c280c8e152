// Amazon Bedrock's Converse and ConverseStream, as its API reference writes them: the side of the engine.

import { crc32 } from 'node:zlib'
import {
  type Ask,
  type Cited,
  type EngineWire,
  halves,
  type Json,
  type Said,
  type Turn,
} from './wire-dialect.ts'

export const bedrock: EngineWire = {
  see,
  whole,
  frames,
  error: (_status, message) => ({ message }),
}

function see(body: Json, url: string): Ask {
  const { inferenceConfig, toolConfig, outputConfig } = body
  const schema = outputConfig?.textFormat?.structure?.jsonSchema?.schema
  return {
    ...{ system: body.system?.[0]?.text ?? '', turns: body.messages.map(seeTurn) },
    tools: (toolConfig?.tools ?? []).map(({ toolSpec }: Json) => toolSpec.name),
    mustCall: toolConfig?.toolChoice?.any !== undefined,
    schema: schema === undefined ? null : JSON.parse(schema),
    ...{ maxTokens: inferenceConfig.maxTokens, temperature: inferenceConfig.temperature },
    stream: url.endsWith('/converse-stream'),
  }
}

function seeTurn({ role, content }: Json): Turn {
  const of = (member: string): Json[] => content.flatMap((one: Json) => one[member] ?? [])
  const [image] = of('image')
  const [document] = of('document')
  const calls = of('toolUse').map(({ toolUseId: id, name, input }) => ({ id, name, args: input }))
  const results = of('toolResult').map((one) => ({ id: one.toolUseId, text: one.content[0].text }))
  return {
    ...{ role, text: of('text')[0] ?? '' },
    ...(image === undefined ? {} : { image: image.source.bytes }),
    ...(document === undefined ? {} : { pdf: document.source.bytes }),
    ...(calls.length === 0 ? {} : { calls }),
    ...(results.length === 0 ? {} : { results }),
  }
}

const reasons = {
  ...{ stop: 'end_turn', length: 'max_tokens', calls: 'tool_use' },
  ...{ filtered: 'guardrail_intervened', odd: 'malformed_tool_use' },
} as const

function usageOf({ usage }: Said) {
  return {
    ...{ inputTokens: usage.input - usage.cached, outputTokens: usage.output },
    ...{ totalTokens: usage.input + usage.output, cacheReadInputTokens: usage.cached },
    cacheWriteInputTokens: 0,
  }
}

function whole(said: Said): object {
  const calls = said.calls.map(({ id, name, args }) => ({
    toolUse: { toolUseId: id, name, input: args },
  }))
  const { signature } = said
  const reasoningText = { text: 'hm', signature }
  const thoughts = signature === undefined ? [] : [{ reasoningContent: { reasoningText } }]
  const text =
    said.cited === undefined
      ? { text: said.text }
      : { citationsContent: { content: [{ text: said.text }], citations: [citation(said.cited)] } }
  const content = [...thoughts, ...(said.text === '' ? [] : [text]), ...calls]
  return {
    output: { message: { role: 'assistant', content } },
    ...{ stopReason: reasons[said.stop], usage: usageOf(said), metrics: { latencyMs: 1 } },
  }
}

function citation({ url, title }: Cited): object {
  return { title, sourceContent: [{ text: 'words' }], location: { web: { url } } }
}

function frames(said: Said): Buffer[] {
  const all = [frame('messageStart', { role: 'assistant' })]
  let contentBlockIndex = 0
  const block = (start: object | null, deltas: readonly object[]) => {
    if (start !== null) all.push(frame('contentBlockStart', { start, contentBlockIndex }))
    for (const delta of deltas) all.push(frame('contentBlockDelta', { delta, contentBlockIndex }))
    all.push(frame('contentBlockStop', { contentBlockIndex }))
    contentBlockIndex += 1
  }
  const { signature } = said
  if (signature !== undefined) {
    block(
      null,
      [{ text: 'hm' }, { signature }].map((reasoningContent) => ({ reasoningContent })),
    )
  }
  if (said.text !== '')
    block(null, [
      ...halves(said.text).map((text) => ({ text })),
      ...(said.cited === undefined ? [] : [{ citation: citation(said.cited) }]),
    ])
  for (const { id, name, args } of said.calls) {
    const inputs = halves(JSON.stringify(args)).map((input) => ({ toolUse: { input } }))
    block({ toolUse: { toolUseId: id, name } }, inputs)
  }
  all.push(frame('messageStop', { stopReason: reasons[said.stop] }))
  return [...all, frame('metadata', { usage: usageOf(said), metrics: { latencyMs: 1 } })]
}

/** Lengths and their checksum, headers, payload, checksum of all. */
function frame(event: string, payload: object): Buffer {
  const headers = Buffer.concat([
    header(':event-type', event),
    header(':content-type', 'application/json'),
    header(':message-type', 'event'),
  ])
  const data = Buffer.from(JSON.stringify(payload))
  const prelude = Buffer.alloc(8)
  prelude.writeUInt32BE(16 + headers.length + data.length, 0)
  prelude.writeUInt32BE(headers.length, 4)
  const most = Buffer.concat([prelude, checksum(prelude), headers, data])
  return Buffer.concat([most, checksum(most)])
}

function header(name: string, value: string): Buffer {
  const bytes = Buffer.from(value)
  const head = Buffer.from([
    name.length,
    ...Buffer.from(name),
    7,
    bytes.length >> 8,
    bytes.length & 255,
  ])
  return Buffer.concat([head, bytes])
}

function checksum(bytes: Buffer): Buffer {
  const four = Buffer.alloc(4)
  four.writeUInt32BE(crc32(bytes))
  return four
}
