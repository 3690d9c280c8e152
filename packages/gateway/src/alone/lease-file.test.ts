// The accounts of budgets in a file: through kill -9, a full disk, another who takes them, and clocks that leap.

import { spawnSync } from 'node:child_process'
import { appendFileSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { lostMs } from '@tutti/core/routing'
import { LineFile } from '@tutti/machine'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { newFolder } from '../gateway-world.fixture.ts'
import { LeaseFile, readLeases } from './lease-file.ts'

const limitNanos = 1_000_000_000
const budgetOf = () => ({ limitDollars: 1, window: 'total' }) as const

/** As another would read them. */
function accountsIn(path: string) {
  return readLeases(new LineFile(path))?.book.accounts() ?? { settled: {}, open: {} }
}

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
  const budgets = { hourly: 'hour', daily: 'day', forever: 'total' } as const
  const open = () =>
    new LeaseFile({
      path,
      budgetOf: (_, name) => ({
        ...{ limitDollars: 1, window: budgets[name as keyof typeof budgets] },
      }),
      nowMs: () => nowMs,
    })
  let file = open()
  const spend = (budget: string, nanos: number) => {
    const wanted = [{ project: 'default', budget, nanos }]
    const { granted } = file.ask({ gateway: 'gateway-1', settled: [], wanted })
    const settled = granted.map(({ lease, nanos }) => ({ lease, nanos, isOver: true }))
    file.ask({ gateway: 'gateway-1', settled, wanted: [] })
    return granted.length
  }
  for (let hour = 0; hour < 20; hour++) {
    for (const name of ['hourly', 'forever']) spend(name, 10_000_000)
    nowMs += 3_600_000
  }
  const windows = () => Object.entries(accountsIn(path).settled)
  expect(windows()).toHaveLength(21) // of each hour, and of all time
  expect(windows()).toContainEqual(['default/forever/0', 200_000_000])
  for (let hour = 0; hour < 60; hour++) {
    spend('hourly', 10_000_000)
    nowMs += 3_600_000
  }
  expect(windows()).toHaveLength(80 + 1)
  const dayMs = 86_400_000
  nowMs += 100 * dayMs
  spend('daily', 10_000_000)
  file = open()
  expect(windows()).toHaveLength(80 + 1 + 1) // no clock says what is over (A2)
  for (let day = 0; day < 6; day++) {
    nowMs += dayMs
    spend('daily', 10_000_000)
  }
  file = open()
  const days = windows().filter(([name]) => name.startsWith('default/hourly/'))
  expect(days.map(([name]) => Number(name.split('/')[2]) % dayMs)).toEqual([0, 0, 0, 0])
  expect(days.reduce((sum, [, nanos]) => sum + nanos, 0)).toBe(800_000_000)
  for (let day = 0; day < 62; day++) {
    nowMs += dayMs
    spend('daily', 10_000_000)
  }
  file = open() // of budgets that nobody asks for any more, too
  const [last, total] = [windows().at(-1)?.[0], windows().find(([name]) => name.includes('/0'))]
  expect(windows()).toHaveLength(62 + 1)
  expect(windows().filter(([name]) => name.startsWith('default/hourly/'))).toEqual([])
  expect([last, total]).toEqual([
    `default/daily/${nowMs - (nowMs % dayMs)}`,
    ['default/forever/0', 200_000_000],
  ])
})

const module = fileURLToPath(new URL('../../dist/alone/lease-file.js', import.meta.url))
const inNamespace = ['-Urm', 'sh', '-c']
const mayMount = spawnSync('unshare', [...inNamespace, 'mount -t tmpfs none /mnt']).status === 0

const onSmallDisk = `
  import { readdirSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
  const { LeaseFile } = await import(process.env.MODULE)
  const budgetOf = () => ({ limitDollars: 1, window: 'total' })
  const open = () => new LeaseFile({ path: 'leases.json', budgetOf, nowMs: () => 1 })
  const budget = 'b'.repeat(9000) // a line of several pages
  const wanted = [{ project: 'default', budget, nanos: 1e9 }]
  const ask = (file, settled = []) => {
    try { return file.ask({ gateway: 'gateway-1', settled, wanted }).granted } catch (e) { return e.code }
  }
  const fill = () => {
    try { writeFileSync('others', Buffer.alloc(1 << 20)) } catch {}
    truncateSync('others', statSync('others').size - 4096) // a write begins, and cannot end
  }
  const handles = () => readdirSync('/proc/self/fd').length
  const file = open()
  fill()
  const said = [ask(file)]
  const before = handles()
  for (let i = 0; i < 20; i++) ask(file)
  said.push(handles() - before)
  rmSync('others')
  const [lease] = ask(file)
  said.push(lease.nanos)
  const settled = [{ lease: lease.lease, nanos: 1, isOver: true }]
  fill()
  said.push(ask(file, settled))
  rmSync('others')
  said.push(ask(file, settled)[0].nanos, ask(open()).length)
  process.stdout.write(JSON.stringify(said))
`

test.skipIf(!mayMount)('a full disk takes nothing from a budget, and costs no handle (B5)', () => {
  const folder = newFolder()
  const script = `mount -t tmpfs -o size=64k none "$DISK" && cd "$DISK" &&
    exec "$NODE" --input-type=module -e "$PROGRAM"`
  const env = { DISK: folder, NODE: process.execPath, PROGRAM: onSmallDisk, MODULE: module }
  const { stdout, stderr } = spawnSync('unshare', [...inNamespace, script], {
    env: { ...process.env, ...env },
    encoding: 'utf8',
  })
  expect(stderr).toBe('')
  const [all, nothing] = [limitNanos, 0]
  expect(JSON.parse(stdout)).toEqual(['ENOSPC', 0, all, 'ENOSPC', all - 1, nothing])
})

test('an answer costs what it changes, and what has changed often is written anew', () => {
  const path = join(newFolder(), 'leases.json')
  const file = new LeaseFile({ path, budgetOf, nowMs: () => 1 })
  const budget = 'b'.repeat(10_000)
  const sizes: number[] = []
  for (let nanos = 1, lease = ''; nanos < 130; nanos++) {
    const settled = lease === '' ? [] : [{ lease, nanos: 1, isOver: true }]
    const wanted = [{ project: 'default', budget, nanos: 1 }]
    lease = file.ask({ gateway: 'gateway-1', settled, wanted }).granted[0]?.lease ?? ''
    sizes.push(statSync(path).size)
  }
  const steps = sizes.map((size, i) => size - (sizes[i - 1] ?? 0))
  expect(steps.filter((step) => step < 0)).toHaveLength(1)
  expect(Math.max(...sizes)).toBeGreaterThan(2 ** 20)
  const { settled, open } = accountsIn(path)
  expect(settled).toEqual({ [`default/${budget}/0`]: 128 })
  expect(Object.values(open)).toMatchObject([{ grantedNanos: 1 }])
})

test('a line that was not written whole is none, and one that cannot be read is not passed over', () => {
  const path = join(newFolder(), 'leases.json')
  const open = () => new LeaseFile({ path, budgetOf, nowMs: () => 1 })
  expect(spendAll(open())).toBe(limitNanos)
  appendFileSync(path, '[{"kind":"opened","lease":"of a machine that went')
  expect(spendAll(open())).toBe(0)
  appendFileSync(path, '[{"kind":"opened"}]\n')
  expect(open).toThrow(`cannot be read from ${path}: restore it, or delete it`)
})

test('accounts that were changed in place are written again as they are (B4, B6)', () => {
  const path = join(newFolder(), 'leases.json')
  const file = new LeaseFile({ path, budgetOf, nowMs: () => 1 })
  expect(spendAll(file)).toBe(limitNanos)
  const [first = ''] = readFileSync(path, 'utf8').split('\n')
  writeFileSync(path, `${first}\n`) // as it began: nothing spent
  expect(spendAll(file)).toBe(0)
  expect(accountsIn(path).settled).toEqual({ 'default/b/0': limitNanos })
})

/** What of so much is granted. */
function want(file: LeaseFile, nanos: number): number {
  const wanted = [{ project: 'default', budget: 'b', nanos }]
  const { granted } = file.ask({ gateway: 'gateway-1', settled: [], wanted })
  return granted.reduce((sum, lease) => sum + lease.nanos, 0)
}

test('of two that share the accounts by mistake one spends, and never more than there is (B4)', () => {
  const path = join(newFolder(), 'leases.json')
  const open = () => new LeaseFile({ path, budgetOf, nowMs: () => 1 })
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
  const charged = () => accountsIn(path).settled['default/b/0'] ?? 0
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
  nowMs += lostMs + 1
  want()
  expect(settle(second, 1, true)).toEqual([second])
  expect(charged()).toBe(500 + 1_000)
  file = open()
  expect(charged()).toBe(500 + 1_000 + 1_000) // of the start before
})

test('a lease that is spoken of is not lost; a part that pays for nothing is not granted, and who holds some hears of it', () => {
  let nowMs = 1
  const path = join(newFolder(), 'leases.json')
  const file = new LeaseFile({ path, budgetOf, nowMs: () => nowMs })
  const want = (nanos: number, least: number) =>
    file.ask({
      ...{ gateway: 'gateway-2', settled: [], hearsShort: true },
      wanted: [{ project: 'default', budget: 'b', nanos, least }],
    })
  const [lease] = want(limitNanos * 0.8, 1).granted
  const settled = [{ lease: lease?.lease ?? '', nanos: 0, isOver: false }]
  const tell = (hearsShort: boolean) =>
    file.ask({ gateway: 'gateway-2', settled, wanted: [], hearsShort })
  for (let hour = 0; hour < 10; hour++) {
    nowMs += 3_600_000
    expect(tell(true)).toEqual({ granted: [], unknown: [] })
    expect(want(1, 1).granted).toHaveLength(1)
  }
  const short = [{ project: 'default', budget: 'b' }]
  expect(want(limitNanos, limitNanos / 2)).toEqual({ granted: [], unknown: [], short })
  expect(tell(true)).toEqual({ granted: [], unknown: [], short })
  expect(tell(false)).toEqual({ granted: [], unknown: [] })
  nowMs += 60_000
  expect(tell(true)).toEqual({ granted: [], unknown: [] })
})

test('what is given back of a lease is free, and is not held again by a word that comes late', () => {
  const path = join(newFolder(), 'leases.json')
  const file = new LeaseFile({ path, budgetOf, nowMs: () => 1 })
  const lease = 'lease-that-is-large'
  const say = (nanos: number, heldNanos?: number) => {
    const held = heldNanos === undefined ? {} : { heldNanos }
    const settled = [{ lease, nanos, isOver: false, ...held }]
    return file.ask({ gateway: 'gateway-1', settled, wanted: [] })
  }
  const wanted = [{ project: 'default', budget: 'b', nanos: limitNanos, lease }]
  file.ask({ gateway: 'gateway-1', settled: [], wanted })
  say(100, 300)
  for (const late of [600, undefined]) say(50, late)
  expect(accountsIn(path).open[lease]).toMatchObject({ grantedNanos: 300, settledNanos: 100 })
  expect(spendAll(file)).toBe(limitNanos - 300)
  file.ask({ gateway: 'gateway-1', settled: [{ lease, nanos: 200, isOver: true }], wanted: [] })
  expect(accountsIn(path)).toEqual({ settled: { 'default/b/0': limitNanos - 100 }, open: {} })
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

test.each([
  ['month', 'day'],
  ['month', 'hour'],
  ['day', 'hour'],
] as const)(
  'a window of a %s that becomes one of a %s holds what was spent in it before',
  (from, to) => {
    const path = join(newFolder(), 'leases.json')
    let nowMs = Date.UTC(2026, 10, 23, 5, 10)
    let spec: { limitDollars: number; window: 'month' | 'day' | 'hour' } = {
      ...{ limitDollars: 1, window: from },
    }
    const file = new LeaseFile({ path, budgetOf: () => spec, nowMs: () => nowMs })
    expect(spendAll(file)).toBe(limitNanos)
    nowMs += 600_000
    spec = { limitDollars: 1.5, window: to }
    expect([spendAll(file), spendAll(file)]).toEqual([limitNanos / 2, 0])
    nowMs += 86_400_000
    spec = { limitDollars: 2, window: to }
    expect([spendAll(file), spendAll(file), spendAll(file)]).toEqual([limitNanos, limitNanos, 0])
    spec = { limitDollars: 4, window: from }
    const left = from === 'month' ? limitNanos / 2 : limitNanos // of 4 dollars
    expect(spendAll(file) + spendAll(file)).toBe(from === 'month' ? left : 2 * left)
  },
)

test.each([80, 240])('%d hours of an hour each count for the month', (hours) => {
  const path = join(newFolder(), 'leases.json')
  let nowMs = Date.UTC(2026, 10, 1)
  let spec = { limitDollars: 1, window: 'hour' as 'hour' | 'month' }
  const open = () => new LeaseFile({ path, budgetOf: () => spec, nowMs: () => nowMs })
  let file = open()
  for (let hour = 0; hour < hours; hour++) {
    expect(spendAll(file)).toBe(limitNanos)
    nowMs += 3_600_000
    if (hour === hours - 5) file = open() // accounts are written anew
  }
  spec = { limitDollars: hours + 0.5, window: 'month' }
  expect([spendAll(file), spendAll(file), spendAll(file)]).toEqual([limitNanos / 2, 0, 0])
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
    for (let hour = 0; hour < 70; hour++) {
      expect(spend()).toBe(limitNanos)
      nowMs += 3_600_000
    }
    nowMs -= (hours + 70) * 3_600_000
    expect(spend()).toBe(0)
  },
)

test.each(['day', 'month'] as const)(
  'who starts on a clock that is a year ahead, and is set right, spends nothing of a %s twice (A2, B1)',
  (window) => {
    const path = join(newFolder(), 'leases.json')
    let nowMs = Date.UTC(2026, 10, 22)
    const spec = { limitDollars: 1, window }
    const open = () => new LeaseFile({ path, budgetOf: () => spec, nowMs: () => nowMs })
    expect(spendAll(open())).toBe(limitNanos)
    nowMs = Date.UTC(2027, 10, 22)
    for (const day of [1, 2, 3]) {
      expect(spendAll(open())).toBe(day === 1 || window === 'day' ? limitNanos : 0)
      nowMs += 86_400_000
    }
    expect(spendAll(open())).toBe(window === 'day' ? limitNanos : 0)
    nowMs = Date.UTC(2026, 10, 22)
    for (const _ of [1, 2]) expect(spendAll(open())).toBe(0)
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
