// What a budget sets aside is never less than what a provider may count.

import { expect, test } from 'vitest'
import { boundsOf } from './bounds.ts'
import { parseChatAsked } from './chat-body.ts'

function boundsFor(value: object) {
  const body = Buffer.from(JSON.stringify({ model: 'm', ...value }))
  const asked = parseChatAsked('openai', '/v1/chat/completions', body)
  if (typeof asked === 'string') throw new Error(asked)
  return { bounds: boundsOf(asked), bytes: body.length }
}

test('a token is a byte at least, and every link may be a large image', () => {
  const image = (url: string) => ({ type: 'image_url', image_url: { url } })
  const content = [image('https://a.example/x.png'), image('http://b.example'), image('data:x')]
  const { bounds, bytes } = boundsFor({
    messages: [{ role: 'user', content }],
    max_tokens: 5,
    n: 3,
  })
  expect(bounds).toEqual({ inputTokens: bytes + 2 * 16_384, outputTokens: 15 })
  expect(boundsFor({ messages: [] }).bounds?.outputTokens).toBeNull()
})

test('a body nested deeper than calls may be is counted too', () => {
  const deep = `${'['.repeat(50_000)}"http://x"${']'.repeat(50_000)}`
  const body = Buffer.from(`{"model":"m","max_tokens":1,"x":${deep}}`)
  const asked = parseChatAsked('openai', '/v1/chat/completions', body)
  if (typeof asked === 'string') throw new Error(asked)
  expect(boundsOf(asked)?.inputTokens).toBe(body.length + 16_384)
})
