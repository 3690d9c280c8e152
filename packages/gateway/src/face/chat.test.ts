// How the limit of an answer is said to whoever speaks OpenAI's dialect.

import { expect, test } from 'vitest'
import { toChatProvider } from './chat.ts'
import { parseChatAsked } from './chat-body.ts'

test.each([
  ['http://127.0.0.1:11434/v1', 'max_tokens'],
  ['https://api.mistral.ai/v1', 'max_tokens'],
  ['https://notopenai.com/v1', 'max_tokens'],
  ['https://api.openai.com/v1', 'max_completion_tokens'],
  ['https://eu.api.openai.com/v1', 'max_completion_tokens'],
  ['https://mine.openai.azure.com/openai/v1', 'max_completion_tokens'],
])('at %s a limit of another dialect is %s', (baseUrl, name) => {
  const body = { model: 'chat', max_tokens: 7, messages: [{ role: 'user', content: 'x' }] }
  const asked = parseChatAsked('anthropic', '/v1/messages', Buffer.from(JSON.stringify(body)))
  if (typeof asked === 'string') throw new Error(asked)
  const provider = { name: 'e', project: 'default', dialect: 'openai', baseUrl } as const
  const target = { provider: 'e', model: 'm', weight: 1, tier: 0, prefill: false }
  const out = toChatProvider(asked)({ ...provider, allowPrivateNetwork: true }, target)
  if ('kind' in out) throw new Error(out.message)
  const said = JSON.parse(String(out.body))
  expect(['max_tokens', 'max_completion_tokens'].filter((one) => one in said)).toEqual([name])
})
