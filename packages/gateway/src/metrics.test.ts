// Who sees which numbers of a gateway.

import { routeSpec } from '@tutti/core/routing'
import { expect, test } from 'vitest'
import { digest, key, serve, signed, snapshotOf, world } from './gateway-world.fixture.ts'

test('a key sees what concerns its own Project, and the gateway’s own key all', async () => {
  const { url } = await serve((_, response) => {
    const choices = [{ index: 0, message: { content: 'hi' }, finish_reason: 'stop' }]
    response.end(JSON.stringify({ id: 'c', choices }))
  })
  const projects = ['default', 'far']
  const about = { name: 'chat', ...routeSpec.parse({ targets: [{ provider: 'e', model: 'm' }] }) }
  const provider = {
    name: 'e',
    dialect: 'openai' as const,
    baseUrl: url,
    allowPrivateNetwork: true,
  }
  const { gateway } = await world(
    signed(
      snapshotOf({
        keys: [
          { id: 'app', hash: digest(key), project: 'default', owner: 'app' },
          { id: 'far', hash: digest('far'), project: 'far', owner: 'app' },
        ],
        routes: projects.map((project) => ({ ...about, project })),
        providers: projects.map((project) => ({ ...provider, project })),
      }),
    ),
  )
  const get = async (path: string, by: string, body?: object) => {
    const answer = await fetch(`${gateway.url}${path}`, {
      ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
      headers: { authorization: `Bearer ${by}` },
    })
    return { status: answer.status, text: await answer.text() }
  }
  const seen = async (by: string) => {
    const { status, text } = await get('/metrics', by)
    const routes = [...text.matchAll(/requests_total\{route="([^"]*)"/g)].map(([, route]) => route)
    return [status, ...routes]
  }
  const hi = { model: 'chat', messages: [{ role: 'user', content: 'hi' }] }
  for (const by of [key, 'far']) {
    expect((await get('/v1/chat/completions', by, hi)).status).toBe(200)
  }
  expect(await seen(key)).toEqual([200, 'default/chat'])
  expect(await seen('far')).toEqual([200, 'far/chat'])
  expect(await seen('k')).toEqual([200, 'default/chat', 'far/chat'])
  expect(await seen('nobody')).toEqual([401])
  const lines = (await get('/metrics', 'k')).text.split('\n').filter((line) => line.startsWith('#'))
  const form = /^# HELP (\w+) \w.*\.\n# TYPE (?:\1 (?:summary|gauge)|(?=\w+_total )\1 counter)$/
  for (let i = 0; i < lines.length; i += 2) {
    expect(lines.slice(i, i + 2).join('\n')).toMatch(form)
  }
  expect(lines.length).toBeGreaterThan(8)
  expect((await get('/v1/requests', 'k')).status).toBe(401) // for the numbers alone
})

test('whether it follows its control plane, and since when it serves the same, is told', async () => {
  const bed = await world(signed(snapshotOf({ issuedAtMs: 5_000 })))
  const seen = async () => {
    const headers = { authorization: 'Bearer k' }
    const text = await (await fetch(`${bed.gateway.url}/metrics`, { headers })).text()
    const value = (name: string) =>
      Number(new RegExp(`^tutti_gateway_${name} (\\S+)$`, 'm').exec(text)?.[1])
    const names = ['control_plane_up', 'snapshot_timestamp_seconds', 'snapshot_refused']
    return names.map(value)
  }
  expect(await seen()).toEqual([1, 5, 0])
  const newer = { ...snapshotOf({ issuedAtMs: 6_000, sequence: 2 }), pace: 3 } // of a later Tutti
  bed.push(signed(newer))
  await bed.untilEvent('a snapshot is refused')
  const { reason } = bed.events.find(({ event }) => event === 'a snapshot is refused') ?? {}
  expect(reason).toMatch(/pace.*upgrade the gateway/)
  expect(await seen()).toEqual([1, 5, 1])
  bed.push(signed(snapshotOf({ issuedAtMs: 7_000, sequence: 3 })))
  await expect.poll(seen).toEqual([1, 7, 0])
  bed.killPlane()
  await expect.poll(seen).toEqual([0, 7, 0])
})
