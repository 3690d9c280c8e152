// HEAD is GET without the body: probes of load balancers and of people ask so.

import { expect, test } from 'vitest'
import { answerWell, key, serve, signed, toNodes, world } from './gateway-world.fixture.ts'

const headers = { authorization: `Bearer ${key}` }
const followersMax = 100

const reads = ['/healthz', '/v2/health/live', '/v2/health/ready', '/v2', '/metrics', '/v1/models']
const records = ['/v1/requests', '/v1/requests/none', '/v1/comparisons', '/v1/responses/none']
const others = ['/v2/models/parts/ready', '/v1/chat/completions', '/mcp', '/nothing']

test('whatever is read by GET is asked for by HEAD', async () => {
  const node = await serve(answerWell)
  const { gateway } = await world(signed(toNodes([node.url])))
  for (const path of [...reads, ...records, ...others]) {
    const whole = await fetch(gateway.url + path, { headers })
    const head = await fetch(gateway.url + path, { method: 'HEAD', headers })
    const said = ({ status, headers }: Response) => [
      ...[path, status, headers.get('content-type'), headers.get('content-length')],
    ]
    expect(said(head)).toEqual(said(whole))
    expect(await head.text()).toBe('')
    await whole.text()
  }
  const closed = await fetch(`${gateway.url}/v1/models`, { method: 'HEAD' })
  expect(closed.status).toBe(401)
})

test('what goes on for ever ends with its head, and nobody follows it any more', async () => {
  const { gateway } = await world(signed(toNodes([])))
  const ask = async (method: string) => {
    const answer = await fetch(`${gateway.url}/v1/requests?follow=true`, { method, headers })
    const { status } = answer
    return method === 'HEAD' ? [status, await answer.text()] : [status]
  }
  for (let i = 0; i <= followersMax; i++) expect(await ask('HEAD')).toEqual([200, ''])
  expect(await ask('GET')).toEqual([200])
})
