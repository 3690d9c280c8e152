// tutti top gateways as a person runs it: which gateways there are, and which of them serve something else.

import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { folder, home, main, parts, tutti, useControlPlane } from './cli-bed.fixture.ts'
import { type RunningPart, runPart } from './home/index.ts'

useControlPlane()

const planeUrl = () => parts[0]?.url ?? ''
let gateway: RunningPart | null = null
afterAll(() => gateway?.stop())

/** Its columns. */
async function rows(): Promise<readonly (readonly string[])[]> {
  const { out } = await tutti('top', 'gateways')
  return out
    .trim()
    .split('\n')
    .map((line) => line.split(/ {3,}/))
}

test('a gateway is listed while it follows, with its version and the snapshot that it serves from', async () => {
  expect(await rows()).toEqual([['none']])
  const args = ['gateway', '--home', home, '--url', planeUrl(), '--port', '0']
  const logs = join(folder, 'logs')
  gateway = await runPart({ name: 'gateway', args }, logs, () => {}, new URL(`file://${main}`))
  const newest = async () => JSON.parse((await tutti('top', 'gateways', '--json')).out)
  await expect.poll(async () => (await newest()).items[0]?.sequence ?? null).not.toBeNull()
  const { sequence, items } = await newest()
  expect(items).toMatchObject([{ url: gateway.url, worker: null, sequence, refused: null }])
  const [head, row, ...others] = await rows()
  expect([head, others]).toEqual([['GATEWAY', 'URL', 'VERSION', 'FOLLOWS', 'SNAPSHOT'], []])
  expect(row?.slice(1)).toEqual([...[gateway.url, items[0].version, expect.any(String), 'newest']])
  expect(await metricsOf()).toContain('tutti_gateways{state="current"} 1\n')
  await gateway.stop()
  await expect.poll(rows).toEqual([['none']])
})

test('one that refuses the newest says why, one of before is there without a name, and others may say nothing', async () => {
  const created = await tutti('key', 'create', 'other', '--roles', 'gateway', '--json')
  const { secret } = JSON.parse(created.out)
  const headers = { authorization: `Bearer ${secret}`, 'content-type': 'application/json' }
  const follow = async (query: string) => {
    const url = `${planeUrl()}/api/v1/snapshot?watch=true&${query}`
    const answer = await fetch(url, { headers })
    expect(answer.status).toBe(200)
    return answer // who lets go of it ends it
  }
  const id = '9b2f8a4e-1c7d-4e3b-9f60-2d5a8c1e7b94'
  const tell = (body: object, of: Record<string, string> = headers) =>
    fetch(`${planeUrl()}/api/v1/gateways`, {
      ...{ method: 'POST', headers: of, body: JSON.stringify(body) },
    })
  const said = { gateway: id, sequence: 1, refused: 'routes.0.guard: unknown\n\u001b[31mupgrade' }
  expect((await tell(said)).status).toBe(404) // it follows nothing yet
  const streams = [
    await follow(`relay=http://127.0.0.1:9&gateway=${id}&version=0.0.9&host=edge&worker=2&new=1`),
    await follow('relay=http://127.0.0.1:8'),
    await follow('x=1'), // who looks at it is no gateway
  ]
  expect((await tell({ ...said, since: 'later' })).status).toBe(204)
  expect((await tell({ ...said, sequence: 'one' })).status).toBe(422)
  const viewer = await tutti('key', 'create', 'vera', '--roles', 'viewer', '--json')
  const seen = { authorization: `Bearer ${JSON.parse(viewer.out).secret}` }
  expect((await tell(said, { ...headers, ...seen })).status).toBe(403)
  const [, edge, before, ...others] = await rows()
  expect(others).toEqual([])
  expect(edge?.slice(0, 3)).toEqual(['edge, worker 2', 'http://127.0.0.1:9', '0.0.9'])
  expect(edge?.at(-1)).toMatch(
    /^older: it refuses the newest: routes\.0\.guard: unknown {2}\[31mupgrade$/,
  )
  expect(before?.toSpliced(3, 1)).toEqual(['-', 'http://127.0.0.1:8', '-', '-'])
  expect(await metricsOf()).toMatch(
    /tutti_gateways\{state="current"\} 0\n.*"behind"\} 1\n.*"refusing"\} 1\n/s,
  )
  for (const stream of streams) await stream.body?.cancel()
  await expect.poll(rows).toEqual([['none']])
})

test('what else is asked for is said to be none', async () => {
  const { status, err } = await tutti('top', 'gateway')
  expect([status, err]).toEqual([1, expect.stringContaining('did you mean gateways?')])
})

async function metricsOf(): Promise<string> {
  const created = await tutti('key', 'create', `m${Date.now()}`, '--roles', 'viewer', '--json')
  const { secret } = JSON.parse(created.out)
  const headers = { authorization: `Bearer ${secret}` }
  return await (await fetch(`${planeUrl()}/metrics`, { headers })).text()
}
