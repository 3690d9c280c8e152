// Hours of usage on disk: through kills, full disks and reports that come again, each request is counted once.

import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import type { UsageReport, UsageRow } from '@tutti/core/routing'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { newFolder } from '../gateway-world.fixture.ts'
import { UsageHours } from './usage-hours.ts'

const hourMs = 3_600_000
const dayMs = 24 * hourMs
const startMs = Date.UTC(2026, 0, 2, 3)

const rowOf = (change: Partial<UsageRow> = {}): UsageRow => ({
  ...{ hourMs: startMs, project: 'p', key: 'k', route: 'r', model: 'm', requests: 1, failed: 0 },
  ...{ inputTokens: 0, outputTokens: 0, cachedTokens: 0, costNanos: 0, unpriced: 0 },
  ...change,
})

function open(folder: string, of: { nowMs?: () => number; assertHeld?: () => void } = {}) {
  return new UsageHours({ folder, nowMs: () => startMs, assertHeld: () => {}, ...of })
}

const fileOf = (hour: number) =>
  `${new Date(startMs + hour * hourMs).toISOString().slice(0, 13)}.jsonl`
const askerOf = (project: string) => ({ project, signal: new AbortController().signal })
const always = { by: ['hour'] as const, sinceMs: 0, untilMs: startMs + 1_000 * dayMs }

async function requestsByHour(hours: UsageHours) {
  const rows = (await hours.sum(always, askerOf('p'))) ?? []
  return Object.fromEntries(rows.map(({ hour, requests }) => [hour, requests]))
}

const isLinux = process.platform === 'linux'
test.skipIf(!isLinux)(
  'whatever is killed, full or sent again, each report counts once in each of its hours (U1, U3)',
  async () => {
    const act = fc.oneof(
      {
        weight: 3,
        arbitrary: fc.record({
          act: fc.constant('tell' as const),
          from: fc.nat(1),
          hours: fc.uniqueArray(fc.nat(2)),
        }),
      },
      { weight: 3, arbitrary: fc.record({ act: fc.constant('again' as const), from: fc.nat(1) }) },
      { weight: 2, arbitrary: fc.record({ act: fc.constant('full' as const), hour: fc.nat(2) }) },
      fc.record({ act: fc.constant('kill' as const) }),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(act, { maxLength: 30 }), async (acts) => {
        const folder = newFolder()
        const full = (hour: number) => join(folder, `${fileOf(hour)}.new`)
        let hours = open(folder)
        const waiting: UsageReport[][] = [[], []] // as a gateway has them: the first is sent until it is taken
        const last: (UsageReport | undefined)[] = [] // taken, and whose answer may have been lost
        const sequences = [0, 0]
        const expected: Record<string, number> = {}
        const send = async (from: number) => {
          for (let next = waiting[from]?.[0]; next !== undefined; next = waiting[from]?.[0]) {
            if (
              !(await hours.take(next).then(
                () => true,
                () => false,
              ))
            )
              return
            last[from] = waiting[from]?.shift()
          }
        }
        for (const one of acts) {
          if (one.act === 'kill') hours = open(folder)
          else if (one.act === 'full') {
            mkdirSync(folder, { recursive: true })
            if (!existsSync(full(one.hour))) symlinkSync('/dev/full', full(one.hour))
          } else if (one.act === 'again') {
            const report = last[one.from]
            if (report !== undefined) await hours.take(report).catch(() => {})
          } else {
            const sequence = (sequences[one.from] ?? 0) + 1
            sequences[one.from] = sequence
            const rows = one.hours.map((hour) => rowOf({ hourMs: startMs + hour * hourMs }))
            for (const row of rows) {
              const name = new Date(row.hourMs).toISOString().replace('.000', '')
              expected[name] = (expected[name] ?? 0) + 1
            }
            waiting[one.from]?.push({ gateway: `gateway-${one.from}`, sequence, rows })
            await send(one.from)
          }
        }
        for (const hour of [0, 1, 2]) rmSync(full(hour), { force: true })
        hours = open(folder)
        await Promise.all([send(0), send(1)])
        expect(await requestsByHour(hours)).toEqual(expected)
      }),
      { numRuns: 60 },
    )
  },
)

test('what is left of an hour that was not written is no hour', async () => {
  const folder = newFolder()
  const hours = open(folder)
  await hours.take({ gateway: 'gateway-1', sequence: 1, rows: [rowOf()] })
  writeFileSync(join(folder, `${fileOf(0)}.new`), '{"format":')
  writeFileSync(join(folder, 'notes.txt'), 'mine')
  expect(Object.values(await requestsByHour(open(folder)))).toEqual([1])
})

test('hours are forgotten after 400 days, with what is left of them, and are not begun again', async () => {
  const folder = newFolder()
  let nowMs = startMs
  const hours = open(folder, { nowMs: () => nowMs })
  await hours.take({ gateway: 'gateway-1', sequence: 1, rows: [rowOf()] })
  writeFileSync(join(folder, `${fileOf(0)}.new`), '')
  nowMs = startMs + 400 * dayMs
  const lateOne = rowOf({ hourMs: nowMs })
  await hours.take({ gateway: 'gateway-1', sequence: 2, rows: [lateOne] })
  expect(readdirSync(folder)).toContain(fileOf(0))
  for (const sequence of [3, 4]) {
    expect(readdirSync(folder)).toContain(fileOf(0))
    nowMs += hourMs
    await hours.take({ gateway: 'gateway-1', sequence, rows: [{ ...lateOne, hourMs: nowMs }] })
  }
  await hours.take({ gateway: 'gateway-1', sequence: 5, rows: [rowOf()] })
  expect(readdirSync(folder)).toEqual([0, 1, 2].map((hour) => fileOf(400 * 24 + hour)))
})

test('a clock that is wrong for an hour deletes none of the hours there (U4)', async () => {
  const folder = newFolder()
  let nowMs = startMs
  const hours = open(folder, { nowMs: () => nowMs })
  let sequence = 0
  for (const hour of [0, 1, 1_000 * 24, 2, 3]) {
    sequence += 1
    nowMs = startMs + hour * hourMs
    await hours.take({ gateway: 'gateway-1', sequence, rows: [rowOf({ hourMs: nowMs })] })
  }
  expect(readdirSync(folder)).toEqual([0, 1, 2, 3, 1_000 * 24].map(fileOf))
})

test('an hour that cannot be read is neither left out nor begun anew: it is named', async () => {
  const folder = newFolder()
  await open(folder).take({
    gateway: 'gateway-1',
    sequence: 1,
    rows: [rowOf(), rowOf({ key: 'b' })],
  })
  const path = join(folder, fileOf(0))
  const whole = readFileSync(path, 'utf8')
  for (const spoilt of [whole.slice(0, -20), whole.split('\n').slice(0, 2).join('\n'), '']) {
    writeFileSync(path, spoilt)
    const message = `cannot be read from ${path}: restore it, or delete it`
    await expect(open(folder).sum(always, askerOf('p'))).rejects.toThrow(message)
    const report = { gateway: 'gateway-1', sequence: 2, rows: [rowOf()] }
    await expect(open(folder).take(report)).rejects.toThrow(message)
    expect(readFileSync(path, 'utf8')).toBe(spoilt)
  }
})

test('who has lost the accounts to another counts nothing more (B4)', async () => {
  const folder = newFolder()
  let isHeld = true
  const assertHeld = () => {
    if (!isHeld) throw new Error('another gateway has taken the accounts')
  }
  const hours = open(folder, { assertHeld })
  await hours.take({ gateway: 'gateway-1', sequence: 1, rows: [rowOf()] })
  isHeld = false
  const report = { gateway: 'gateway-1', sequence: 2, rows: [rowOf()] }
  await expect(hours.take(report)).rejects.toThrow('another gateway')
  expect(Object.values(await requestsByHour(hours))).toEqual([1])
})

test('two of a project ask at once, eight in all; the next one is refused', async () => {
  const hours = open(newFolder())
  const refusedOf = async (projects: string) => {
    const asking = [...projects].map((project) =>
      hours.sum(always, askerOf(project)).then(
        () => '',
        () => project,
      ),
    )
    return (await Promise.all(asking)).join('')
  }
  expect(await refusedOf('aaaab')).toBe('aa')
  expect(await refusedOf('aabbccdde')).toBe('e')
  expect(await refusedOf('aabbccdd')).toBe('')
})

test('nothing more is read for one who has gone', async () => {
  const folder = newFolder()
  const hours = open(folder)
  await hours.take({ gateway: 'gateway-1', sequence: 1, rows: [rowOf()] })
  const gone = new AbortController()
  const asked = hours.sum(always, { project: 'p', signal: gone.signal })
  gone.abort()
  await expect(asked).rejects.toMatchObject({ name: 'AbortError' })
})
