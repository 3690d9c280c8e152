// The control plane is dead for an hour, by a clock that the test moves: who may call goes on calling, nothing is
// overspent, nothing that was used is forgotten, and all is settled when it is back.

import type { UsageReport } from '@tutti/core/routing'
import { routeSpec } from '@tutti/core/routing'
import { didKeyOf } from '@tutti/ledger'
import { systemClock } from '@tutti/machine'
import { expect, test } from 'vitest'
import {
  cleanups,
  digest,
  key,
  newFolder,
  serve,
  signed,
  signer,
  snapshotOf,
} from './gateway-world.fixture.ts'
import { MemoryPlane } from './memory-plane.fixture.ts'
import { type Gateway, startGateway } from './start.ts'
import { Wakes } from './wakes.fixture.ts'

const hourMs = 3_600_000
const centNanos = 10_000_000

/** A control plane that is there or not, with accounts and counts that outlive it. */
async function plane(accounts: MemoryPlane, snapshot: string) {
  const reports = new Map<string, UsageReport>()
  const state = { isAway: false, leaseAsks: 0, settled: [] as string[] }
  const wakes = new Wakes()
  const { url, server } = await serve((request, response, body) => {
    if (state.isAway) return response.destroy()
    const { url: path = '' } = request
    if (path === '/api/v1/leases') {
      state.leaseAsks += 1
      response.end(JSON.stringify(accounts.ask(JSON.parse(body))))
    } else if (path === '/api/v1/usage') {
      const report: UsageReport = JSON.parse(body)
      reports.set(`${report.gateway} ${report.sequence}`, report)
      response.end('{}')
    } else {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write(`event: snapshot\ndata: ${snapshot}\n\n`)
    }
    wakes.wake()
  })
  const rows = () => [...reports.values()].flatMap((report) => report.rows)
  const leave = () => {
    state.isAway = true
    server.closeAllConnections()
  }
  const back = () => {
    state.isAway = false
  }
  const until = (isSo: () => boolean) => wakes.until(isSo)
  return { url, leave, back, rows, until, state }
}

/** Every answer of it costs a cent. */
async function bed() {
  const engine = await serve((_, response) => {
    response.writeHead(200, { 'content-type': 'application/json' })
    const usage = { prompt_tokens: 10, completion_tokens: 4, total_tokens: 14 }
    const choices = [{ index: 0, message: { content: 'hi' }, finish_reason: 'stop' }]
    response.end(JSON.stringify({ id: 'c', choices, usage }))
  })
  const nowMs = Date.now()
  const clock = { nowMs }
  const wall = { ...systemClock, nowMs: () => clock.nowMs }
  const targets = [{ provider: 'engine', model: 'm', price: { perCall: 0.01 } }]
  const key1 = { id: 'app', hash: digest(key), project: 'default', owner: 'app' }
  const snapshot = snapshotOf({
    keys: [key1, { ...key1, id: 'brief', hash: digest('brief'), expiresAtMs: nowMs + hourMs / 2 }],
    routes: [{ name: 'chat', project: 'default', ...routeSpec.parse({ targets }) }],
    providers: [
      {
        ...{ name: 'engine', project: 'default', dialect: 'openai', baseUrl: `${engine.url}/v1` },
        allowPrivateNetwork: true,
      },
    ],
    // a fiftieth is held at a time: ten calls
    budgets: [{ name: 'all', project: 'default', limitDollars: 5, window: 'total' }],
  })
  const accounts = new MemoryPlane(5, nowMs + 10 * hourMs)
  const control = await plane(accounts, signed(snapshot))
  const folder = newFolder()
  const logged: string[] = []
  const start = async (): Promise<Gateway> => {
    let isThere = () => {}
    const there = new Promise<void>((resolve) => {
      isThere = resolve
    })
    const gateway = await startGateway({
      ...{ host: '127.0.0.1', port: 0, folder, version: 't', clock: wall },
      controlPlane: { url: control.url, key: 'k', publicKey: didKeyOf(signer) },
      log: (event) => {
        logged.push(event)
        if (event === 'snapshot') isThere()
      },
    })
    cleanups.push(() => gateway.stop())
    await there
    return gateway
  }
  const said = { text: '' } // with the last answer
  const call = async ({ url }: Gateway, by = key) => {
    const answer = await fetch(`${url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${by}` },
      body: JSON.stringify({ model: 'chat', messages: [{ role: 'user', content: 'x' }] }),
    })
    said.text = await answer.text()
    return answer.status
  }
  const calls = async (gateway: Gateway, count: number) => {
    const statuses: number[] = []
    for (let i = 0; i < count; i++) statuses.push(await call(gateway))
    return statuses
  }
  return { control, accounts, clock, start, call, calls, said, logged }
}

const count = (rows: readonly { requests: number; failed: number }[]) =>
  rows.reduce((sum, { requests, failed }) => sum + requests - failed, 0)

test('an hour without it: keys, snapshot and leases hold, and what was spent is settled when it is back', async () => {
  const { control, accounts, clock, start, call, calls } = await bed()
  const gateway = await start()
  expect(await call(gateway)).toBe(200) // the first lease is there: ten cents
  control.leave()
  clock.nowMs += hourMs / 2 - 1
  expect(await call(gateway, 'brief')).toBe(200)
  clock.nowMs += 1
  expect(await call(gateway, 'brief')).toBe(401) // its end is seen without anybody telling
  clock.nowMs += hourMs / 2
  // Ten cents were held: two are spent, and beyond what is held nothing is.
  expect(await calls(gateway, 10)).toEqual([...new Array(8).fill(200), 503, 503])
  expect(accounts.settledNanos + accounts.openNanos).toBe(10 * centNanos)
  control.back()
  const { leaseAsks } = control.state
  await control.until(() => control.state.leaseAsks > leaseAsks)
  clock.nowMs += 1_000 // who was refused is asked about again after a second
  expect(await calls(gateway, 3)).toEqual([200, 200, 200])
  await gateway.stop()
  expect([accounts.settledNanos, accounts.openNanos]).toEqual([13 * centNanos, 0])
  expect(count(control.rows())).toBe(13)
  expect(control.rows().reduce((sum, { costNanos }) => sum + costNanos, 0)).toBe(13 * centNanos)
})

test('a gateway that starts anew while it is dead serves from disk, spends nothing, and tells what was used before', async () => {
  const { control, accounts, clock, start, call, calls, said, logged } = await bed()
  const gateway = await start()
  expect(await calls(gateway, 3)).toEqual([200, 200, 200])
  control.leave()
  clock.nowMs += hourMs
  expect(await calls(gateway, 2)).toEqual([200, 200])
  await gateway.stop() // it can neither settle nor tell
  const anew = await start()
  expect(await calls(anew, 2)).toEqual([503, 503]) // known, but nothing is held
  expect(said.text).toContain('who keeps its accounts does not answer')
  expect(logged.filter((event) => event === 'nobody grants of budgets')).toHaveLength(2) // by each
  expect(await call(anew, 'nobody')).toBe(401)
  control.back()
  await control.until(() => count(control.rows()) === 5)
  clock.nowMs += hourMs // the lease of before is over: charged in full (B3)
  for (const id of [...accounts.open.keys()]) accounts.end(id, 'lost')
  expect(await call(anew)).toBe(200)
  await anew.stop()
  expect(accounts.settledNanos).toBe((10 + 1) * centNanos)
  expect(accounts.settledNanos).toBeGreaterThanOrEqual(6 * centNanos)
  expect(count(control.rows())).toBe(6)
})
