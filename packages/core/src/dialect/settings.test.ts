// Settings that some dialects have and others do not: carried, or refused by the name that the caller gave.

import { expect, test } from 'vitest'
import { type ChatDialect, type EngineDialect, engineDialects } from './chat.ts'
import { objectOf } from './json.ts'
import { parseChat, writeChat } from './translate.ts'
import { isUnsayable } from './unsayable.ts'

function written(from: ChatDialect, to: EngineDialect, body: object) {
  const parsed = parseChat(from, { model: 'm', ...body }, { model: 'm', stream: false })
  return objectOf(isUnsayable(parsed) ? parsed : writeChat(to, parsed, from))
}

const messages = [{ role: 'user', content: 'x' }]

test('how much an answer says goes between OpenAI’s dialects, and nowhere else', () => {
  const said = { openai: { messages, verbosity: 'low' }, 'openai-responses': { input: 'x' } }
  const responses = { ...said['openai-responses'], text: { verbosity: 'low' } }
  expect(written('openai', 'openai', said.openai)).toMatchObject({ verbosity: 'low' })
  expect(written('openai', 'openai-responses', said.openai)['text']).toEqual({ verbosity: 'low' })
  expect(written('openai-responses', 'openai', responses)).toMatchObject({ verbosity: 'low' })
  for (const to of engineDialects.filter((one) => !one.startsWith('openai'))) {
    expect(written('openai', to, said.openai)).toMatchObject({ field: 'verbosity' })
    expect(written('openai-responses', to, responses)).toMatchObject({ field: 'text.verbosity' })
    const usual = { messages, verbosity: 'medium' } // as it is without
    expect(written('openai', to, usual)['kind']).toBe(undefined)
  }
})
