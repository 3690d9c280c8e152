// SIGTERM to every process of a fleet that is at work: what was accepted is answered, and all are gone.

import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { makeModels, quickEffort } from '@tutti/examples/models'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { deploy, infer, type LocalFleet, startLocalFleet } from './local-fleet.ts'

const chunk =
  'data: {"id":"1","object":"chat.completion.chunk","created":1,"model":"m","choices":[]}\n\n'
const word = (content: string) =>
  chunk.replace('[]', JSON.stringify([{ index: 0, delta: { content }, finish_reason: null }]))
const last = chunk.replace('[]', '[{"index":0,"delta":{},"finish_reason":"stop"}]')

let fleet: LocalFleet
let engine: Server
/** Lets the engine say the rest; written by the engine. */
let finish: () => void = () => {}

beforeAll(async () => {
  engine = createServer((request, response) => {
    request.resume()
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write(word('begun'))
    finish = () => response.end(`${word(' and ended')}${last}data: [DONE]\n\n`)
  }).listen(0, '127.0.0.1')
  await once(engine, 'listening')
  fleet = await startLocalFleet([{ name: 'n1' }])
  const models = join(fleet.folder, 'models')
  await makeModels(models, quickEffort)
  await fleet.tutti('model', 'push', join(models, 'parts-v1'))
  await deploy(fleet, 'parts', 'parts:v1')
  const baseUrl = `http://127.0.0.1:${(engine.address() as AddressInfo).port}`
  const provider = { dialect: 'openai', baseUrl, allowPrivateNetwork: true }
  await apply('Provider', 'slow', provider)
  await apply('Route', 'talk', { targets: [{ provider: 'slow', model: 'm' }] })
})

afterAll(async () => {
  engine.closeAllConnections()
  engine.close()
  await fleet.stop()
})

async function apply(kind: string, name: string, spec: object): Promise<void> {
  const document = { apiVersion: 'tutti/v1', kind, metadata: { name }, spec }
  await fleet.client.apply({ kind: `${kind.toLowerCase()}s`, name }, document)
}

/** A stream through the gateway, once its first words have come. */
async function talk() {
  for (;;) {
    const answer = await fetch(`${fleet.gateway}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${fleet.key}` },
      body: JSON.stringify({
        model: 'talk',
        stream: true,
        messages: [{ role: 'user', content: 'x' }],
      }),
    })
    const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader()
    if (answer.status !== 200 || reader === undefined) {
      await reader?.cancel()
      expect(answer.status).toBe(404) // until the gateway has heard of the route
      continue
    }
    let said = (await reader.read()).value ?? ''
    while (!said.includes('begun')) said += (await reader.read()).value ?? ''
    const rest = async () => {
      for (;;) {
        const { value, done } = await reader.read()
        if (done) return said
        said += value
      }
    }
    return { rest }
  }
}

test('a node that is told to go answers what it has accepted, and no request fails', async () => {
  const data = Array(24 * 24).fill(0.5)
  const inputs = [{ name: 'image', datatype: 'FP32', shape: [1, 1, 24, 24], data }]
  expect((await infer(fleet, 'parts', { inputs })).status).toBe(200)
  const asked = Array.from({ length: 40 }, () =>
    fetch(`${fleet.nodes[0]?.url}/v2/models/parts/infer`, {
      method: 'POST',
      headers: { authorization: `Bearer ${fleet.nodes[0]?.key}` },
      body: JSON.stringify({ inputs }),
    }).then(
      ({ status }) => status,
      () => 'not accepted' as const, // its connection came too late: a client asks elsewhere
    ),
  )
  expect(await Promise.race(asked)).toBe(200) // the others are under way now
  await fleet.restartNode('n1')
  const statuses = await Promise.all(asked)
  expect(statuses.filter((status) => status !== 200 && status !== 'not accepted')).toEqual([])
})

test('a gateway that is told to go lets a stream come to its end', async () => {
  const { rest } = await talk()
  const restarted = fleet.restartPlane(async () => {})
  finish()
  expect(await rest()).toContain('and ended')
  await restarted
})

test('a stream that never ends keeps nobody: the process is gone, and the caller is told', async () => {
  const { rest } = await talk()
  const said = rest().catch(() => 'cut off')
  await fleet.restartPlane(async () => {})
  expect(await said).not.toContain('[DONE]')
})
