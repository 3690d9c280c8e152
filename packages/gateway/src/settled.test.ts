// Whatever becomes of the sending of an answer, what it took is settled and recorded, and its caller cut.

import { createServer, type Socket } from 'node:net'
import { routeSpec } from '@tutti/core/routing'
import { expect, test, vi } from 'vitest'
import { cleanups, key, newFolder, signed, snapshotOf, world } from './gateway-world.fixture.ts'
import { MemoryPlane } from './memory-plane.fixture.ts'
import { PlainReply } from './wire/plain-reply.ts'

const usage = { prompt_tokens: 100, completion_tokens: 20, total_tokens: 120 }
const whole = JSON.stringify({
  ...{ id: 'c', model: 'm', usage },
  choices: [{ index: 0, message: { role: 'assistant', content: 'hi' }, finish_reason: 'stop' }],
})
const delta = { index: 0, delta: { content: 'hi' }, finish_reason: null }
const event = `data: ${JSON.stringify({ id: 'c', model: 'm', choices: [delta] })}\n\n`

/** An engine with a Content-Type that the gateway fails to pass on, as it would by a bug. */
async function poisonous(contentType: string, body: string) {
  const sockets: Socket[] = []
  let cut = () => {}
  const gone = new Promise<void>((resolve) => {
    cut = resolve
  })
  const server = createServer((socket) => {
    sockets.push(socket)
    socket.on('error', () => {})
    socket.once('close', () => cut())
    socket.once('data', () => {
      const isWhole = contentType.startsWith('application/json')
      const length = isWhole
        ? `Content-Length: ${body.length}\r\n`
        : 'Transfer-Encoding: chunked\r\n'
      const sent = isWhole ? body : `${body.length.toString(16)}\r\n${body}\r\n`
      socket.write(`HTTP/1.1 200 OK\r\nContent-Type: ${contentType}\r\n${length}\r\n${sent}`)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  cleanups.push(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  return { url: `http://127.0.0.1:${port}`, gone }
}

for (const [what, contentType, body, stream] of [
  ['a whole answer', 'application/json; poison', whole, false],
  ['a stream', 'text/event-stream; poison', event, true],
] as const) {
  test(`${what} that cannot be sent is paid and recorded, and its caller is cut`, async () => {
    const engine = await poisonous(contentType, body)
    const pass = PlainReply.prototype.header
    const header = vi.spyOn(PlainReply.prototype, 'header').mockImplementation(function (
      this: PlainReply,
      name,
      value,
    ) {
      if (value === contentType) throw new Error('poison')
      pass.call(this, name, value)
    })
    cleanups.push(() => header.mockRestore())
    const price = { inputPerMillion: 2, outputPerMillion: 10 }
    const targets = [{ provider: 'engine', model: 'm', price }]
    const plane = new MemoryPlane(1)
    const provider = { name: 'engine', project: 'default', dialect: 'openai' as const }
    const { gateway, events } = await world(
      signed(
        snapshotOf({
          routes: [{ name: 'chat', project: 'default', ...routeSpec.parse({ targets }) }],
          providers: [{ ...provider, baseUrl: engine.url, allowPrivateNetwork: true }],
          budgets: [{ name: 'all', project: 'default', limitDollars: 1, window: 'total' }],
        }),
      ),
      newFolder(),
      plane,
    )
    const headers = { authorization: `Bearer ${key}` }
    const messages = [{ role: 'user', content: 'hello' }]
    const asked = { model: 'chat', messages, max_tokens: 100, stream }
    const url = `${gateway.url}/v1/chat/completions`
    const asking = fetch(url, { method: 'POST', headers, body: JSON.stringify(asked) })
    await expect(asking).rejects.toThrow() // nothing of an answer, and no connection
    expect(events.filter(({ event: one }) => one === 'a bug')).toHaveLength(1)
    const answer = await fetch(`${gateway.url}/v1/requests`, { headers })
    const records = (await answer.text()).trim().split('\n')
    expect(records).toHaveLength(1)
    const record = JSON.parse(records[0] ?? '')
    expect(record).toMatchObject({ status: 500, attempts: 1, isEstimated: stream })
    expect(record.costNanos).toBeGreaterThan(0)
    if (stream)
      await engine.gone // nobody listens to it any more
    else expect(record.costNanos).toBe(100 * 2_000 + 20 * 10_000)
    await gateway.stop()
    expect(plane.settledNanos).toBe(record.costNanos)
    expect(plane.open.size).toBe(0)
  })
}
