// Read answer
//
// A whole answer of an upstream in the neutral form, from any dialect.

import { anthropicStop, anthropicUsage } from './anthropic-stream.ts'
import { readBedrock } from './bedrock-stream.ts'
import { callId } from './call-order.ts'
import {
  type ChatAnswer,
  type EngineDialect,
  grownUsage,
  noUsage,
  type Part,
  type Stop,
} from './chat.ts'
import { geminiEvents } from './gemini-stream.ts'
import { type JsonObject, listOf, objectOf, textOf } from './json.ts'
import { openaiStop, openaiUsage } from './openai-stream.ts'
import { readResponsesAnswer } from './responses-stream.ts'

export function readAnswer(dialect: EngineDialect, body: JsonObject): ChatAnswer {
  switch (dialect) {
    case 'openai':
      return readOpenai(body)
    case 'openai-responses':
      return readResponsesAnswer(body)
    case 'anthropic':
      return readAnthropic(body)
    case 'gemini':
      return readGemini(body)
    case 'bedrock':
      return readBedrock(body)
  }
}

function readOpenai(body: JsonObject): ChatAnswer {
  const choice = objectOf(listOf(body['choices'])[0])
  const message = objectOf(choice['message'])
  const thinking = textOf(message['reasoning_content']) || textOf(message['reasoning'])
  const text = textOf(message['content'])
  const refusal = textOf(message['refusal'])
  const calls = listOf(message['tool_calls']).map((call): Part => {
    const tool = objectOf(objectOf(call)['function'])
    const args = textOf(tool['arguments'])
    const id = textOf(objectOf(call)['id'])
    return { kind: 'tool-call', id, name: textOf(tool['name']), arguments: args }
  })
  return {
    ...{ id: textOf(body['id']), model: textOf(body['model']) },
    parts: [
      ...(thinking === '' ? [] : [{ kind: 'thinking' as const, text: thinking }]),
      ...(text === '' ? [] : [{ kind: 'text' as const, text }]),
      ...(refusal === '' ? [] : [{ kind: 'text', text: refusal, isRefusal: true } as const]),
      ...calls,
    ],
    stop: stopOf(openaiStop(textOf(choice['finish_reason'])) ?? 'stop', calls.length),
    usage: openaiUsage(objectOf(body['usage'])),
  }
}

/** Who calls tools stops for that, whatever the upstream names it. */
function stopOf(stop: Stop, calls: number): Stop {
  return stop === 'stop' && calls > 0 ? 'tool-calls' : stop
}

function readAnthropic(body: JsonObject): ChatAnswer {
  const parts = listOf(body['content']).flatMap((one): Part[] => {
    const block = objectOf(one)
    switch (block['type']) {
      case 'text':
        return [{ kind: 'text', text: textOf(block['text']) }]
      case 'thinking': {
        const signature = textOf(block['signature'])
        return [{ kind: 'thinking', text: textOf(block['thinking']), signature }]
      }
      case 'tool_use': {
        const args = JSON.stringify(block['input'] ?? {})
        const id = textOf(block['id'])
        return [{ kind: 'tool-call', id, name: textOf(block['name']), arguments: args }]
      }
      default:
        return []
    }
  })
  return {
    ...{ id: textOf(body['id']), model: textOf(body['model']), parts },
    stop: anthropicStop(textOf(body['stop_reason'])),
    usage: anthropicUsage(objectOf(body['usage'])),
  }
}

/** Read as the events of a stream are; calls without an id get one by their place. */
function readGemini(body: JsonObject): ChatAnswer {
  const parts: Part[] = []
  let answer: ChatAnswer = { id: '', model: '', parts, stop: 'stop', usage: noUsage }
  let calls = 0
  for (const event of geminiEvents(body)) {
    if ('choice' in event && event.choice !== 0) continue
    if (event.kind === 'start') answer = { ...answer, id: event.id, model: event.model }
    if (event.kind === 'text') parts.push({ kind: 'text', text: event.text })
    if (event.kind === 'thinking') parts.push({ kind: 'thinking', text: event.text })
    if (event.kind === 'image') parts.push({ kind: 'image', source: event.source })
    if (event.kind === 'stop') answer = { ...answer, stop: event.stop }
    if (event.kind === 'usage') answer = { ...answer, usage: grownUsage(answer.usage, event.usage) }
    if (event.kind === 'tool-start') {
      const { id, name, signature } = event
      const more = signature === undefined ? {} : { signature }
      parts.push({
        kind: 'tool-call',
        id: id || callId(answer.id, calls),
        name,
        arguments: '',
        ...more,
      })
      calls += 1
    }
    const last = parts.at(-1)
    if (event.kind === 'tool-arguments' && last?.kind === 'tool-call') {
      parts[parts.length - 1] = { ...last, arguments: event.text }
    }
  }
  return { ...answer, stop: stopOf(answer.stop, calls) }
}
