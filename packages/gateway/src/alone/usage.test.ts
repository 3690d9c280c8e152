// What requests used, told to and asked of a gateway that is alone: as of a control plane, and with the caller's own key.

import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Snapshot } from '@tutti/core/routing'
import { describe, expect, test, vi } from 'vitest'
import { usagePlaneContract } from '../../../core/src/routing/usage-plane.fixture.ts'
import {
  cleanups,
  digest,
  key,
  newFolder,
  serve,
  snapshotOf,
  toProvider,
} from '../gateway-world.fixture.ts'
import { startGateway } from '../start.ts'
import { startFilePlane } from './file-plane.ts'
import { UsageHours } from './usage-hours.ts'

const keys = ['default', 'team', 'late'].map((project) => ({
  ...{ id: 'app', project, owner: 'app' },
  hash: digest(project === 'default' ? key : project),
  ...(project === 'late' ? { expiresAtMs: 1 } : {}),
}))

async function start(folder = newFolder(), more: Partial<Snapshot> = {}) {
  const told: unknown[] = []
  const note = (event: string, { reason }: { reason?: unknown }) => {
    if (event === 'usage cannot be told') told.push(reason)
  }
  const snapshot = snapshotOf({ keys, ...more })
  const plane = await startFilePlane({ snapshot, folder, log: note })
  cleanups.push(() => plane.stop())
  let serves = () => {}
  const isServing = new Promise<void>((resolve) => {
    serves = resolve
  })
  const gateway = await startGateway({
    ...{ host: '127.0.0.1', port: 0, folder: `${folder}/alone`, version: 'test' },
    controlPlane: plane.controlPlane,
    log: (event, fields) => {
      if (event === 'snapshot') serves()
      note(event, fields)
    },
  })
  cleanups.push(() => gateway.stop())
  await isServing
  const { url, key: own } = plane.controlPlane
  return {
    ...{ plane, gateway, own, told },
    tell: async (report: object) => {
      const headers = { authorization: `Bearer ${own}` }
      const body = JSON.stringify(report)
      return (await fetch(`${url}/api/v1/usage`, { method: 'POST', headers, body })).status
    },
    ask: async (query: string, headers: Record<string, string> = { 'x-api-key': key }) => {
      const answer = await fetch(`${gateway.url}/api/v1/usage?${query}`, { headers })
      const body: unknown = await answer.json()
      return { status: answer.status, body }
    },
  }
}

const hourMs = Math.floor(Date.now() / 3_600_000) * 3_600_000
const row = {
  ...{ hourMs, project: 'default', key: 'app', route: 'chat', model: 'm', requests: 1, failed: 0 },
  ...{ inputTokens: 1, outputTokens: 1, cachedTokens: 0, costNanos: 1, unpriced: 0 },
}

describe('of a gateway alone, through its own address', () => {
  let world: ReturnType<typeof start> | null = null
  const started = async () => {
    const fresh = start()
    world = fresh
    cleanups.push(() => {
      world = null
    })
    return await fresh
  }
  const here = async () => await (world ?? started())
  usagePlaneContract({
    tell: async (report) => await (await here()).tell(report),
    ask: async (query) => await (await here()).ask(query),
    askBlind: async (query) => await (await here()).ask(query),
  })
})

test('a key sees what its own project used, and nothing of another’s', async () => {
  const { tell, ask, own } = await start()
  const rows = [row, { ...row, project: 'team', requests: 7 }]
  expect(await tell({ gateway: 'gateway-1', sequence: 1, rows })).toBe(200)
  const requestsOf = async (query: string, secret: string) => {
    const { status, body } = await ask(query, { authorization: `Bearer ${secret}` })
    return [status, Object(body).rows?.map(({ requests }: typeof row) => requests)]
  }
  expect(await requestsOf('by=route', key)).toEqual([200, [1]])
  expect(await requestsOf('by=route', 'team')).toEqual([200, [7]])
  expect(await requestsOf('by=project&project=team', 'team')).toEqual([200, [7]])
  expect(await requestsOf('by=route&project=team', key)).toEqual([403, undefined])
  for (const secret of ['nobody', 'late', own]) {
    expect(await requestsOf('by=route', secret)).toEqual([401, undefined])
  }
})

test('who may not call the gateway is told nothing by the process behind it', async () => {
  const { plane, own } = await start()
  const url = `${plane.controlPlane.url}/api/v1/usage`
  for (const authorization of ['', 'Bearer nobody', 'Bearer late', `Bearer ${own}`]) {
    expect((await fetch(url, { headers: { authorization } })).status).toBe(401)
  }
  const report = JSON.stringify({ gateway: 'gateway-1', sequence: 1, rows: [row] })
  const headers = { authorization: `Bearer ${key}` }
  expect((await fetch(url, { method: 'POST', headers, body: report })).status).toBe(401)
})

test('that nobody can say what was used is said, and is no empty answer', async () => {
  const { plane, ask } = await start()
  await plane.stop()
  const { status, body } = await ask('')
  expect(status).toBe(503)
  expect(body).toMatchObject({ error: { code: 'usage_away' } })
})

test('why nobody can say what was used is logged once, and names no folder of ours to callers', async () => {
  const folder = newFolder()
  const { plane, ask, told } = await start(folder)
  writeFileSync(join(folder, 'usage-hours'), 'no folder')
  const message = 'what requests used cannot be told now'
  for (const query of ['', 'by=route']) {
    const { status, body } = await ask(query)
    expect(status).toBe(503)
    expect(body).toMatchObject({ error: { code: 'usage_away', message } })
  }
  const headers = { authorization: `Bearer ${key}` }
  const asked = await fetch(`${plane.controlPlane.url}/api/v1/usage`, { headers })
  expect([asked.status, await asked.text()]).toEqual([503, message])
  expect(told).toEqual([expect.stringContaining('ENOTDIR'), `503: ${message}`])
})

test('who asks what was used and hangs up is not added up for, and no failure', async () => {
  const { gateway, told } = await start()
  const caller = new AbortController()
  const stopped = new Promise<void>((resolve) => {
    const sum = vi.spyOn(UsageHours.prototype, 'sum').mockImplementation(
      (_, { signal }) =>
        new Promise((_, reject) => {
          signal.addEventListener('abort', () => {
            reject(signal.reason)
            resolve()
          })
          caller.abort()
        }),
    )
    cleanups.push(() => void sum.mockRestore())
  })
  const headers = { authorization: `Bearer ${key}` }
  const asked = fetch(`${gateway.url}/api/v1/usage`, { headers, signal: caller.signal })
  await expect(asked).rejects.toMatchObject({ name: 'AbortError' })
  await stopped
  await gateway.stop()
  expect(told).toEqual([])
})

test('of two that share a folder the last that started counts, the other says why not, once', async () => {
  const folder = newFolder()
  const told: unknown[] = []
  const open = async (log: (event: string, fields: object) => void) => {
    const plane = await startFilePlane({ snapshot: snapshotOf({ keys }), folder, log })
    cleanups.push(() => plane.stop())
    const { url, key: own } = plane.controlPlane
    const headers = { authorization: `Bearer ${own}` }
    return async (report: string) =>
      (await fetch(`${url}/api/v1/usage`, { method: 'POST', headers, body: report })).status
  }
  const report = JSON.stringify({ gateway: 'gateway-1', sequence: 1, rows: [row] })
  const first = await open((event, fields) => told.push({ event, ...fields }))
  const second = await open(() => {})
  expect([await first(report), await first(report), await second(report)]).toEqual([500, 500, 200])
  const reason = expect.stringContaining('another gateway has taken')
  expect(told).toEqual([{ event: 'usage is not kept', reason }])
})

test.skipIf(process.platform !== 'linux')(
  'what a full disk did not take waits, and counts once there is room',
  async () => {
    const engine = await serve((_, response) => {
      const message = { role: 'assistant', content: 'x' }
      const choices = [{ index: 0, message, finish_reason: 'stop' }]
      const usage = { prompt_tokens: 40, completion_tokens: 10, total_tokens: 50 }
      response.end(JSON.stringify({ id: 'c', object: 'chat.completion', choices, usage }))
    })
    const { routes, providers } = toProvider(`${engine.url}/v1`, true)
    const folder = newFolder()
    const { plane, gateway } = await start(folder, { routes, providers })
    mkdirSync(join(folder, 'usage-hours'))
    for (const atMs of [hourMs, hourMs + 3_600_000]) {
      const name = new Date(atMs).toISOString().slice(0, 13)
      symlinkSync('/dev/full', join(folder, 'usage-hours', `${name}.jsonl.new`))
    }
    const headers = { authorization: `Bearer ${key}` }
    const body = JSON.stringify({ model: 'chat', messages: [{ role: 'user', content: 'x' }] })
    const called = `${gateway.url}/v1/chat/completions`
    expect((await fetch(called, { method: 'POST', headers, body })).status).toBe(200)
    await gateway.stop() // it says all, and is refused
    expect(readdirSync(join(folder, 'alone', 'usage'))).toHaveLength(1)
    await plane.stop()
    const again = await start(folder)
    await again.gateway.stop() // what was left is said first
    expect(readdirSync(join(folder, 'alone', 'usage'))).toEqual([])
    const answer = await fetch(`${again.plane.controlPlane.url}/api/v1/usage?by=model`, { headers })
    expect(await answer.json()).toMatchObject({
      rows: [{ model: 'engine/llama', requests: 1, inputTokens: 40, outputTokens: 10 }],
    })
  },
)
