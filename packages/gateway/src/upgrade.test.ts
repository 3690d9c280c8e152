// Who offers another protocol than WebSocket gets the answer as if he had not (RFC 9110 section 7.8).

import { once } from 'node:events'
import { connect } from 'node:net'
import { expect, test } from 'vitest'
import { key, serve, signed, toProvider, world } from './gateway-world.fixture.ts'

const offer = 'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n'

/** The answers to requests on one connection, each asked once the one before is answered. */
async function ask(url: string, requests: readonly string[], end: string): Promise<string[]> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  const answers: string[] = []
  for (const request of requests) {
    socket.write(request)
    let text = ''
    while (!text.endsWith(end)) text += String((await once(socket, 'data'))[0])
    answers.push(text)
  }
  socket.destroy()
  return answers
}

const body = JSON.stringify({ model: 'chat', messages: [{ role: 'user', content: 'x' }] })
const half = Math.floor(body.length / 2)
const chunks = [body.slice(0, half), body.slice(half)].map(
  (one) => `${one.length.toString(16)}\r\n${one}\r\n`,
)

test.each([
  ['with a length', `Content-Length: ${body.length}\r\n\r\n${body}`],
  ['in chunks', `Transfer-Encoding: chunked\r\n\r\n${chunks.join('')}0\r\n\r\n`],
])('a call %s', async (_, rest) => {
  const message = { role: 'assistant', content: 'hello' }
  const choices = [{ index: 0, message, finish_reason: 'stop' }]
  const engine = await serve((_, response) => {
    response.setHeader('content-type', 'application/json').end(JSON.stringify({ choices }))
  })
  const { gateway } = await world(signed(toProvider(`${engine.url}/v1`, true)))
  const head = `POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n${offer}`
  const first = `${head}Authorization: Bearer ${key}\r\n${rest}`
  const twice = await ask(gateway.url, [first, first], JSON.stringify({ choices }))
  for (const said of twice) expect(said).toMatch(/^HTTP\/1.1 200 /)
})

test('a question without a body, which ends its connection', async () => {
  const { gateway } = await world(signed(toProvider('http://127.0.0.1:9/v1', true)))
  const closing = offer.replace('Upgrade,', 'Upgrade, close,')
  const request = `GET /healthz HTTP/1.1\r\nHost: a\r\n${closing}\r\n`
  const [said] = await ask(gateway.url, [request], '{"status":"ok"}')
  expect(said).toMatch(/^HTTP\/1.1 200 /)
  expect(said).toMatch(/connection: close/i)
})
