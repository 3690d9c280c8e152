// A gateway without a control plane: the same limits and the same money, kept in a file through kill -9.

import { mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { routeSpec, type Snapshot } from '@tutti/core/routing'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { cleanups, digest, key, newFolder, serve, snapshotOf } from '../gateway-world.fixture.ts'
import { startGateway } from '../start.ts'
import { startFilePlane } from './file-plane.ts'
import { LeaseFile } from './lease-file.ts'

const limitNanos = 1_000_000_000
const budgetOf = () => ({ limitDollars: 1, window: 'total' }) as const

test('whatever dies when, no more is granted than there is (B1, B3)', () => {
  const step = fc.oneof(
    fc.record({
      kind: fc.constant('want' as const),
      nanos: fc.integer({ min: 1, max: 400_000_000 }),
    }),
    fc.record({
      kind: fc.constant('spend' as const),
      share: fc.double({ min: 0, max: 1, noNaN: true }),
      isOver: fc.boolean(),
    }),
    fc.record({ kind: fc.constant('crash' as const) }),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 25 }), (steps) => {
      const path = join(newFolder(), 'leases.json')
      const open = () => new LeaseFile({ path, budgetOf, nowMs: () => 1 })
      let file = open()
      let held: { lease: string; nanos: number; spent: number }[] = []
      let spentNanos = 0
      for (const one of steps) {
        if (one.kind === 'crash') {
          held = []
          file = open()
        } else if (one.kind === 'want') {
          const wanted = [{ project: 'default', budget: 'b', nanos: one.nanos }]
          const { granted } = file.ask({ gateway: 'gateway-1', settled: [], wanted })
          for (const { lease, nanos } of granted) held.push({ lease, nanos, spent: 0 })
        } else {
          const lease = held[0]
          if (lease === undefined) continue
          const more = Math.floor((lease.nanos - lease.spent) * one.share)
          lease.spent += more
          spentNanos += more
          const settled = [{ lease: lease.lease, nanos: lease.spent, isOver: one.isOver }]
          file.ask({ gateway: 'gateway-1', settled, wanted: [] })
          if (one.isOver) held.shift()
        }
        const grantedNanos = held.reduce((sum, { nanos, spent }) => sum + nanos - spent, 0)
        expect(spentNanos + grantedNanos).toBeLessThanOrEqual(limitNanos)
      }
    }),
    { numRuns: 60 },
  )
})

test('a budget over its soft limit is named, by what was spent and not by what was granted', () => {
  const path = join(newFolder(), 'leases.json')
  const spec = { limitDollars: 1, softDollars: 0.5, window: 'total' } as const
  const file = new LeaseFile({ path, budgetOf: () => spec, nowMs: () => 1 })
  const wanted = [{ project: 'default', budget: 'b', nanos: limitNanos / 2 }]
  const ask = (settled: { lease: string; nanos: number; isOver: boolean }[]) =>
    file.ask({ gateway: 'gateway-1', settled, wanted })
  const first = ask([])
  expect(first).not.toHaveProperty('soft')
  const lease = first.granted[0]?.lease ?? ''
  expect(ask([{ lease, nanos: limitNanos / 2 - 1, isOver: false }])).not.toHaveProperty('soft')
  const { soft } = ask([{ lease, nanos: limitNanos / 2, isOver: true }])
  expect(soft).toEqual([{ project: 'default', budget: 'b', untilMs: Number.MAX_SAFE_INTEGER }])
})

test('what was spent long ago is forgotten, what counts now is not', () => {
  const path = join(newFolder(), 'leases.json')
  let nowMs = 1_000 * 3_600_000
  const budgets = { hourly: 'hour', forever: 'total' } as const
  const open = () =>
    new LeaseFile({
      path,
      budgetOf: (_, name) => ({ limitDollars: 1, window: name === 'hourly' ? 'hour' : 'total' }),
      nowMs: () => nowMs,
    })
  const file = open()
  const spend = (budget: string, nanos: number) => {
    const wanted = [{ project: 'default', budget, nanos }]
    const { granted } = file.ask({ gateway: 'gateway-1', settled: [], wanted })
    const settled = granted.map(({ lease, nanos }) => ({ lease, nanos, isOver: true }))
    file.ask({ gateway: 'gateway-1', settled, wanted: [] })
    return granted.length
  }
  for (let hour = 0; hour < 20; hour++) {
    for (const name of Object.keys(budgets)) spend(name, 10_000_000)
    nowMs += 3_600_000
  }
  const windows = () => Object.entries(JSON.parse(readFileSync(path, 'utf8')).settled)
  expect(windows()).toHaveLength(21) // of each hour, and of all time
  expect(windows()).toContainEqual(['default/forever/0', 200_000_000])
  for (let hour = 0; hour < 60; hour++) {
    spend('hourly', 10_000_000)
    nowMs += 3_600_000
  }
  expect(windows()).toHaveLength(62 + 2) // of the newest hours before this one, of it, and of all time
  nowMs += 70 * 86_400_000
  spend('forever', 0)
  expect(windows()).toEqual([['default/forever/0', 200_000_000]])
  open() // of budgets that nobody asks for any more, too
  expect(windows()).toEqual([['default/forever/0', 200_000_000]])
})

const isLinux = process.platform === 'linux'
test.skipIf(!isLinux)('a full disk grants nothing, and costs no file handle', () => {
  const path = join(newFolder(), 'leases.json')
  const file = new LeaseFile({ path, budgetOf, nowMs: () => 1 })
  const handles = () => readdirSync('/proc/self/fd').length
  const wanted = [{ project: 'default', budget: 'b', nanos: 1 }]
  const ask = () => {
    symlinkSync('/dev/full', `${path}.new`) // taken away when the write has failed
    file.ask({ gateway: 'gateway-1', settled: [], wanted })
  }
  expect(ask).toThrow(/ENOSPC/)
  const before = handles()
  for (let i = 0; i < 20; i++) expect(ask).toThrow(/ENOSPC/)
  expect(handles()).toBe(before)
})

test.skipIf(!isLinux)(
  'a full disk takes nothing from a budget: what was not granted is not held (B5)',
  () => {
    const path = join(newFolder(), 'leases.json')
    const file = new LeaseFile({ path, budgetOf, nowMs: () => 1 })
    const all = [{ project: 'default', budget: 'b', nanos: limitNanos }]
    const ask = (settled: { lease: string; nanos: number; isOver: boolean }[] = []) =>
      file.ask({ gateway: 'gateway-1', settled, wanted: all })
    const fill = () => symlinkSync('/dev/full', `${path}.new`)
    fill()
    expect(() => ask()).toThrow(/ENOSPC/)
    const [lease] = ask().granted
    expect(lease?.nanos).toBe(limitNanos)
    const settled = [{ lease: lease?.lease ?? '', nanos: 1, isOver: true }]
    fill()
    expect(() => ask(settled)).toThrow(/ENOSPC/)
    const answer = ask(settled)
    expect([answer.unknown, answer.granted[0]?.nanos]).toEqual([[], limitNanos - 1])
  },
)

test('of two that share the accounts by mistake one spends, and never more than there is (B4)', () => {
  const path = join(newFolder(), 'leases.json')
  const open = () => new LeaseFile({ path, budgetOf, nowMs: () => 1 })
  const want = (file: LeaseFile, nanos: number) => {
    const wanted = [{ project: 'default', budget: 'b', nanos }]
    const { granted } = file.ask({ gateway: 'gateway-1', settled: [], wanted })
    return granted.reduce((sum, lease) => sum + lease.nanos, 0)
  }
  const first = open()
  expect(want(first, limitNanos / 4)).toBe(limitNanos / 4)
  const second = open()
  expect(want(second, limitNanos / 4)).toBe(limitNanos / 4)
  expect(() => want(first, limitNanos)).toThrow('another gateway has taken')
  expect(want(second, limitNanos)).toBe(limitNanos / 2)
  expect(want(open(), limitNanos)).toBe(0)
})

test('accounts that somebody deletes are written again, unless another has taken them (B4, B6)', () => {
  const folder = join(newFolder(), 'home')
  const path = join(folder, 'leases.json')
  let timesAgain = 0
  const onWrittenAgain = () => {
    timesAgain += 1
  }
  const open = () => new LeaseFile({ path, budgetOf, nowMs: () => 1, onWrittenAgain })
  const want = (file: LeaseFile, nanos: number) => {
    const wanted = [{ project: 'default', budget: 'b', nanos }]
    const { granted } = file.ask({ gateway: 'gateway-1', settled: [], wanted })
    return granted.reduce((sum, lease) => sum + lease.nanos, 0)
  }
  const first = open()
  expect(want(first, limitNanos / 4)).toBe(limitNanos / 4)
  for (const gone of [path, folder]) {
    rmSync(gone, { recursive: true })
    first.assertHeld() // as usage asks
    expect(readFileSync(path, 'utf8')).toContain(`"grantedNanos":${limitNanos / 4}`)
  }
  expect(timesAgain).toBe(2)
  expect(want(first, limitNanos)).toBe((limitNanos / 4) * 3)
  expect(timesAgain).toBe(2)
  open()
  expect(() => want(first, 1)).toThrow('another gateway has taken')
  rmSync(path)
  expect(() => want(first, 1)).toThrow('another gateway has taken')
})

test('accounts of an earlier version are read, and a lease has the name that was asked for', () => {
  const path = join(newFolder(), 'leases.json')
  const settled = { 'default/b/0': limitNanos / 2 }
  writeFileSync(path, JSON.stringify({ format: 'tutti/leases/v1', settled, open: {} }))
  const file = new LeaseFile({ path, budgetOf, nowMs: () => 1 })
  const wanted = [{ project: 'default', budget: 'b', nanos: limitNanos, lease: 'named-by-it' }]
  const { granted } = file.ask({ gateway: 'gateway-1', settled: [], wanted })
  expect(granted).toMatchObject([{ lease: 'named-by-it', nanos: limitNanos / 2 }])
})

test('totals never go back, nobody accounts for somebody else, and what is lost is charged in full (B3)', () => {
  const path = join(newFolder(), 'leases.json')
  let nowMs = 1
  const open = () => new LeaseFile({ path, budgetOf, nowMs: () => nowMs })
  let file = open()
  const charged = () => JSON.parse(readFileSync(path, 'utf8')).settled['default/b/0'] ?? 0
  const want = () => {
    const wanted = [{ project: 'default', budget: 'b', nanos: 1_000 }]
    return file.ask({ gateway: 'gateway-1', settled: [], wanted }).granted[0]?.lease ?? ''
  }
  const settle = (lease: string, nanos: number, isOver: boolean, gateway = 'gateway-1') =>
    file.ask({ gateway, settled: [{ lease, nanos, isOver }], wanted: [] }).unknown
  const first = want()
  expect(settle(first, 0, true, 'gateway-2')).toEqual([first])
  settle(first, 500, false)
  settle(first, 400, true) // a message that came late
  expect(charged()).toBe(500)
  const second = want()
  nowMs += 2 * 3_600_000 + 1
  want()
  expect(settle(second, 1, true)).toEqual([second])
  expect(charged()).toBe(500 + 1_000)
  file = open()
  expect(charged()).toBe(500 + 1_000 + 1_000) // of the start before
})

/** What a Budget gives of a limit, in nanodollars; all of it is spent. */
function spendAll(file: LeaseFile): number {
  const wanted = [{ project: 'default', budget: 'b', nanos: limitNanos }]
  const { granted } = file.ask({ gateway: 'gateway-1', settled: [], wanted })
  const settled = granted.map(({ lease, nanos }) => ({ lease, nanos, isOver: true }))
  file.ask({ gateway: 'gateway-1', settled, wanted: [] })
  return granted.reduce((sum, { nanos }) => sum + nanos, 0)
}

test('a window that is made longer holds what was spent in it before', () => {
  const path = join(newFolder(), 'leases.json')
  let nowMs = Date.UTC(2025, 2, 10, 12)
  let spec = { limitDollars: 1, window: 'day' as 'day' | 'month' }
  const file = new LeaseFile({ path, budgetOf: () => spec, nowMs: () => nowMs })
  const spend = () => spendAll(file)
  expect(spend()).toBe(limitNanos)
  nowMs += 86_400_000
  expect(spend()).toBe(limitNanos)
  spec = { limitDollars: 2.5, window: 'month' }
  expect(spend()).toBe(limitNanos / 2)
})

test.each([1, 24, 30 * 24])(
  'a clock that leaps %d hours and back spends nothing twice (B1)',
  (hours) => {
    const path = join(newFolder(), 'leases.json')
    let nowMs = 1_000_000 * 3_600_000
    const spec = { limitDollars: 1, window: 'hour' } as const
    const file = new LeaseFile({ path, budgetOf: () => spec, nowMs: () => nowMs })
    const spend = () => spendAll(file)
    expect(spend()).toBe(limitNanos)
    nowMs += hours * 3_600_000
    expect(spend()).toBe(limitNanos)
    nowMs -= hours * 3_600_000
    expect(spend()).toBe(0)
  },
)

test('accounts that cannot be read are not begun anew', () => {
  const path = join(newFolder(), 'leases.json')
  writeFileSync(path, '{"format":"tutti/leases/v1","settled":{')
  const open = () => new LeaseFile({ path, budgetOf, nowMs: () => 1 })
  expect(open).toThrow(`cannot be read from ${path}: restore it, or delete it`)
  rmSync(path)
  mkdirSync(path) // or whatever else keeps a file from being read that nobody should delete
  expect(open).toThrow(`cannot be read from ${path}: EISDIR`)
})

function declared(baseUrl: string, sequence: number, limitDollars: number): Snapshot {
  const price = { inputPerMillion: 1, outputPerMillion: 1 }
  return snapshotOf({
    sequence,
    keys: [{ id: 'app', hash: digest(key), project: 'default', owner: 'app' }],
    routes: [
      {
        ...{ name: 'chat', project: 'default' },
        ...routeSpec.parse({ targets: [{ provider: 'engine', model: 'llama', price }] }),
      },
    ],
    providers: [
      { name: 'engine', project: 'default', dialect: 'openai', baseUrl, allowPrivateNetwork: true },
    ],
    budgets: [{ name: 'b', project: 'default', limitDollars, window: 'total' }],
  })
}

test('a gateway serves from it, spends no more, and takes another snapshot while it serves', async () => {
  const usage = { prompt_tokens: 40, completion_tokens: 10, total_tokens: 50 }
  const choices = [
    { index: 0, message: { role: 'assistant', content: 'x' }, finish_reason: 'stop' },
  ]
  const engine = await serve((_, response) => {
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ id: 'c', object: 'chat.completion', choices, usage }))
  })
  const folder = newFolder()
  const leases = join(folder, 'leases.json')
  const base = `${engine.url}/v1`
  const plane = await startFilePlane({ snapshot: declared(base, 1, 0.001), folder })
  cleanups.push(() => plane.stop())
  const waiters: (() => void)[] = []
  const nextSnapshot = () => new Promise<void>((resolve) => waiters.push(resolve))
  const first = nextSnapshot()
  const gateway = await startGateway({
    ...{ host: '127.0.0.1', port: 0, folder, version: 'test', controlPlane: plane.controlPlane },
    log: (event) => {
      if (event === 'snapshot') for (const wake of waiters.splice(0)) wake()
    },
  })
  cleanups.push(() => gateway.stop())
  await first
  const ask = async () => {
    const { status } = await fetch(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}` },
      body: JSON.stringify({ model: 'chat', messages: [], max_tokens: 10 }),
    })
    return status
  }
  const statuses: number[] = []
  for (let i = 0; i < 30; i++) statuses.push(await ask())
  const paid = statuses.filter((status) => status === 200).length
  expect(paid).toBeGreaterThan(0)
  expect(paid * 50_000).toBeLessThanOrEqual(1_000_000) // of 0.001 dollars, at 50 µ$ a call
  expect(statuses.at(-1)).toBe(429)
  const second = nextSnapshot()
  plane.swap(declared(base, 2, 1))
  await second
  await expect.poll(ask, { timeout: 5_000 }).toBe(200) // who was refused is asked for once a second
  expect(readFileSync(leases, 'utf8')).toContain('tutti/leases/v1')
  expect((await fetch(`${plane.controlPlane.url}/api/v1/snapshot`)).status).toBe(401)
})
