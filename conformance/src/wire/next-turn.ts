// Next turn
//
// What a client sends after an answer that called tools: its former request, the answer as the client got it, member by
// member, and the results.

import type { DialectName, Json } from './wire-dialect.ts'

/** `answer` is one body, or the events of a stream. */
export function nextTurn(dialect: DialectName, asked: Json, answer: readonly Json[]): object {
  switch (dialect) {
    case 'openai': {
      const message = openaiMessage(answer)
      const results = message.tool_calls.map(({ id }: Json) => ({
        ...{ role: 'tool', tool_call_id: id, content: 'rain' },
      }))
      return { ...asked, messages: [...asked.messages, message, ...results] }
    }
    case 'openai-responses': {
      const last = answer.at(-1)
      const output: Json[] = (last.response ?? last).output
      const calls = output.filter(({ type }) => type === 'function_call')
      const results = calls.map(({ call_id }) => ({
        ...{ type: 'function_call_output', call_id, output: 'rain' },
      }))
      return { ...asked, input: [...asked.input, ...output, ...results] }
    }
    case 'anthropic': {
      const content = anthropicBlocks(answer)
      const calls = content.filter(({ type }) => type === 'tool_use')
      const results = calls.map(({ id }) => ({
        ...{ type: 'tool_result', tool_use_id: id, content: 'rain' },
      }))
      const turns = [
        { role: 'assistant', content },
        { role: 'user', content: results },
      ]
      return { ...asked, messages: [...asked.messages, ...turns] }
    }
    case 'gemini': {
      const parts: Json[] = answer.flatMap(({ candidates: [candidate] }) => candidate.content.parts)
      const calls = parts.flatMap(({ functionCall }) => functionCall ?? [])
      const results = calls.map(({ id, name }) => ({
        functionResponse: { id, name, response: { result: 'rain' } },
      }))
      const turns = [
        { role: 'model', parts },
        { role: 'user', parts: results },
      ]
      return { ...asked, contents: [...asked.contents, ...turns] }
    }
  }
}

function openaiMessage(answer: readonly Json[]): Json {
  const [whole] = answer
  if (whole.object === 'chat.completion') return whole.choices[0].message
  const deltas = answer.flatMap(({ choices }) => choices.map(({ delta }: Json) => delta))
  const tool_calls: Json[] = []
  for (const { index, ...piece } of deltas.flatMap((delta) => delta.tool_calls ?? [])) {
    const before = tool_calls[index]
    const args = (before?.function.arguments ?? '') + (piece.function.arguments ?? '')
    const made = { ...piece.function, ...before?.function, arguments: args }
    tool_calls[index] = { ...piece, ...before, function: made }
  }
  const content = deltas.map((delta) => delta.content ?? '').join('')
  return { role: 'assistant', content, tool_calls }
}

function anthropicBlocks(answer: readonly Json[]): Json[] {
  const [whole] = answer
  if (whole.type === 'message') return whole.content
  const blocks: Json[] = []
  for (const { type, index, content_block, delta } of answer) {
    if (type === 'content_block_start') blocks[index] = { ...content_block, json: '' }
    if (type !== 'content_block_delta') continue
    const block = blocks[index]
    block.json += delta.partial_json ?? ''
    for (const name of ['text', 'thinking', 'signature']) {
      if (delta[name] !== undefined) block[name] += delta[name]
    }
  }
  return blocks.map(({ json, ...block }) =>
    json === '' ? block : { ...block, input: JSON.parse(json) },
  )
}
