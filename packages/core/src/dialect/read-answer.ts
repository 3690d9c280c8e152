// Read answer
//
// A whole answer of an upstream in the neutral form, from any dialect.

import { exactJson } from '../resource/index.ts'
import { readAnnotations, readBlockCitation } from './annotation.ts'
import { answerOfEvents } from './answer-events.ts'
import {
  anthropicStop,
  anthropicUsage,
  lostBlock,
  sequenceOf,
  whyRefused,
} from './anthropic-stream.ts'
import { readBedrock } from './bedrock-stream.ts'
import { callId } from './call-order.ts'
import { type ChatAnswer, type EngineDialect, noUsage, type Part, type Stop } from './chat.ts'
import { withCitations, within } from './cited-text.ts'
import { geminiEvents } from './gemini-stream.ts'
import { isObject, type JsonObject, listOf, objectOf, textOf } from './json.ts'
import { type OpenaiContent, openaiContent } from './openai-content.ts'
import {
  calledIn,
  callSignature,
  lostSound,
  openaiEnd,
  openaiStop,
  openaiUsage,
} from './openai-stream.ts'
import { readResponsesAnswer } from './responses-stream.ts'
import { signedBy } from './signature.ts'

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
  const content = openaiContent(message, message['content'])
  const said = content.filter(isSaid)
  const other = content.find(({ kind }) => kind === 'other')
  const text = said.map((one) => (one.kind === 'text' ? one.text : '')).join('')
  const { citations = [] } = readAnnotations(message['annotations'], text)
  const refusal = textOf(message['refusal'])
  const stop = openaiStop(textOf(choice['finish_reason'])) ?? 'stop'
  const old = message['function_call'] // there could be one, and it has no id
  const told = listOf(message['tool_calls'])
  const made = told.length === 0 && isObject(old) ? [{ function: old }] : told
  const calls = made.flatMap((one, i): Part[] => {
    const call = objectOf(one)
    const { name, args } = calledIn(call)
    const id = textOf(call['id']) || callId(textOf(body['id']), i)
    const signature = callSignature(call)
    const made = { kind: 'tool-call', id, name, arguments: args } as const
    return signature === null ? [made] : [{ kind: 'thinking', text: '', signature }, made]
  })
  return {
    ...{ id: textOf(body['id']), model: textOf(body['model']) },
    parts: [
      ...withCitations(said, citations),
      ...(refusal === '' ? [] : [{ kind: 'text', text: refusal, isRefusal: true } as const]),
      ...calls,
    ],
    ...openaiEnd(stopOf(stop, calls.length), choice),
    ...(other?.kind === 'other' ? { lost: other.lost } : lostSound(message)),
    usage: openaiUsage(objectOf(body['usage'])),
  }
}

function isSaid(one: OpenaiContent): one is Exclude<OpenaiContent, { kind: 'other' }> {
  return one.kind === 'image' || (one.kind !== 'other' && one.text !== '')
}

/** Who calls tools stops for that, whatever the upstream names it. */
function stopOf(stop: Stop, calls: number): Stop {
  return stop === 'stop' && calls > 0 ? 'tool-calls' : stop
}

function readAnthropic(body: JsonObject): ChatAnswer {
  let other: Pick<ChatAnswer, 'lost'> = {} // written where a block is read
  const parts = listOf(body['content']).flatMap((one): Part[] => {
    const block = objectOf(one)
    switch (block['type']) {
      case 'text':
        return [citedBlock(textOf(block['text']), listOf(block['citations']))]
      case 'thinking': {
        const own = textOf(block['signature'])
        const signature = own === '' ? {} : { signature: signedBy('anthropic', own) }
        return [{ kind: 'thinking', text: textOf(block['thinking']), ...signature }]
      }
      case 'redacted_thinking': {
        const own = textOf(block['data'])
        if (own === '') return []
        return [{ kind: 'thinking', text: '', signature: signedBy('redacted', own) }]
      }
      case 'tool_use': {
        const args = exactJson(block['input'] ?? {})
        const id = textOf(block['id'])
        return [{ kind: 'tool-call', id, name: textOf(block['name']), arguments: args }]
      }
      default:
        other = { ...lostBlock(block), ...other }
        return []
    }
  })
  const why = whyRefused(body)
  if (why !== '') parts.push({ kind: 'text', text: why, isRefusal: true })
  return {
    ...{ id: textOf(body['id']), model: textOf(body['model']), parts },
    ...{ stop: anthropicStop(textOf(body['stop_reason'])), ...sequenceOf(body['stop_sequence']) },
    ...other,
    usage: anthropicUsage(objectOf(body['usage'])),
  }
}

function citedBlock(text: string, cited: readonly unknown[]): Part {
  if (cited.length === 0) return { kind: 'text', text }
  return { kind: 'text', text, citations: within(cited.map(readBlockCitation), text) }
}

/** Read as the events of a stream are; of several candidates the first. */
function readGemini(body: JsonObject): ChatAnswer {
  const events = geminiEvents(body).filter((event) => !('choice' in event) || event.choice === 0)
  const answer = answerOfEvents(events) ?? emptyAnswer
  const calls = answer.parts.filter(({ kind }) => kind === 'tool-call')
  return { ...answer, stop: stopOf(answer.stop, calls.length) }
}

const emptyAnswer: ChatAnswer = { id: '', model: '', parts: [], stop: 'stop', usage: noUsage }
