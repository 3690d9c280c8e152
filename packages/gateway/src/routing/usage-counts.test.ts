import { type UsageReport, usageReport } from '@tutti/core/routing'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { UsageCounts, type UsageShelf } from './usage-counts.ts'

/** A disk: what stands on it outlives who wrote it. */
function disk() {
  const files = new Map<string, UsageReport>()
  const nameOf = ({ gateway, sequence }: UsageReport) => `${gateway} ${sequence}`
  const shelfOf = (gateway: string): UsageShelf => ({
    put: async (report) => void files.set(nameOf(report), structuredClone(report)),
    drop: async (report) => void files.delete(nameOf(report)),
    left: async () => [...files.values()].filter((one) => one.gateway !== gateway),
  })
  return { files, shelfOf }
}

test('whatever is lost on the way, each request is counted once, and those on disk outlive a kill (U1)', async () => {
  const acts = fc.array(
    fc.oneof(
      { weight: 4, arbitrary: fc.record({ act: fc.constant('add' as const), key: fc.nat(1) }) },
      {
        weight: 2,
        arbitrary: fc.record({ act: fc.constant('wait' as const), ms: fc.nat(7_200_000) }),
      },
      // lost before it came, or its answer was
      {
        weight: 3,
        arbitrary: fc.record({
          act: fc.constant('tell' as const),
          lost: fc.constantFrom('no', 'it', 'answer'),
        }),
      },
      fc.record({ act: fc.constantFrom('kill' as const, 'stop' as const) }),
    ),
    { maxLength: 60 },
  )
  await fc.assert(
    fc.asyncProperty(acts, async (list) => {
      let nowMs = 0
      let lost = 'no'
      let starts = 0
      let added = 0 // and not lost with a process that was killed
      let unsafe = 0 // since it was last told or on disk
      const taken = new Map<string, UsageReport>()
      const last = new Map<string, number>()
      const { files, shelfOf } = disk()
      const send = async (report: UsageReport) => {
        if (lost === 'it') throw new Error('away')
        const { gateway, sequence } = report
        const known = taken.get(`${gateway} ${sequence}`)
        if (known !== undefined) expect(report).toEqual(known)
        else if (sequence > (last.get(gateway) ?? 0)) {
          taken.set(`${gateway} ${sequence}`, structuredClone(report))
          last.set(gateway, sequence)
        }
        if (lost === 'answer') throw new Error('cut')
      }
      const start = () => {
        starts += 1
        const gateway = `g${starts}`
        return new UsageCounts({ gateway, send, shelf: shelfOf(gateway), nowMs: () => nowMs })
      }
      let usage = start()
      for (const one of list) {
        if (one.act === 'wait') nowMs += one.ms
        else if (one.act === 'add') {
          added += 1
          unsafe += 1
          usage.add({ project: 'p', key: `${one.key}`, route: 'r', model: 'm' }, { requests: 1 })
        } else if (one.act === 'tell') {
          lost = one.lost
          nowMs += 60_000
          await usage.tell().catch(() => {})
          unsafe = 0
        } else {
          if (one.act === 'stop') await usage.close().catch(() => {})
          else added -= unsafe
          unsafe = 0
          usage = start()
        }
      }
      lost = 'no'
      await usage.close()
      const rows = [...taken.values()].flatMap((report) => report.rows)
      expect(rows.reduce((sum, { requests }) => sum + requests, 0)).toBe(added)
      expect(rows.every((row) => row.hourMs % 3_600_000 === 0)).toBe(true)
      expect(files.size).toBe(0)
    }),
    { numRuns: 300 },
  )
})

test('what is counted while a report is on its way is told before the gateway stops', async () => {
  const { shelfOf } = disk()
  const taken: UsageReport[] = []
  let answer = () => {}
  const send = (report: UsageReport) => {
    taken.push(report)
    return new Promise<void>((resolve) => {
      answer = resolve
    })
  }
  const usage = new UsageCounts({ gateway: 'g', send, shelf: shelfOf('g'), nowMs: () => 0 })
  const place = { project: 'p', key: 'k', route: 'r', model: 'm' }
  usage.add(place, { requests: 1 })
  const telling = usage.tell()
  await Promise.resolve()
  usage.add(place, { requests: 1 })
  const closing = usage.close()
  await expect.poll(() => taken).toHaveLength(1)
  answer()
  await telling
  await expect.poll(() => taken).toHaveLength(2)
  answer()
  await closing
  expect(taken.map(({ rows }) => rows[0]?.requests)).toEqual([1, 1])
})

test('one file a minute, and a bounded number, while the control plane is away', async () => {
  const { files, shelfOf } = disk()
  let nowMs = 0
  let isAway = true
  const taken: UsageReport[] = []
  const send = async (report: UsageReport) => {
    if (isAway) throw new Error('away')
    taken.push(report)
  }
  const usage = new UsageCounts({ gateway: 'g', send, shelf: shelfOf('g'), nowMs: () => nowMs })
  const place = { project: 'p', key: 'k', route: 'r', model: 'm' }
  for (let turn = 0; turn < 720; turn++) {
    usage.add(place, { requests: 1 })
    await usage.tell().catch(() => {})
    nowMs += 5_000
  }
  expect(files.size).toBe(60) // an hour
  isAway = false
  await usage.tell()
  expect(files.size).toBe(0)
  expect(taken.flatMap(({ rows }) => rows).reduce((sum, row) => sum + row.requests, 0)).toBe(720)
})

test('a clock that is set back keeps no count from the disk while the control plane is away', async () => {
  let nowMs = 365 * 86_400_000
  const { files, shelfOf } = disk()
  const send = () => Promise.reject(new Error('away'))
  const shelf = shelfOf('g1')
  const usage = new UsageCounts({ gateway: 'g1', send, shelf, nowMs: () => nowMs })
  const place = { project: 'p', key: 'k', route: 'r', model: 'm' }
  usage.add(place, { requests: 1 })
  await expect(usage.tell()).rejects.toThrow('away')
  nowMs = 0
  usage.add(place, { requests: 1 })
  await expect(usage.tell()).rejects.toThrow('away')
  expect(files.size).toBe(2)
})

test('what an upstream counts without bound can still be told', async () => {
  const reports: UsageReport[] = []
  const send = async (report: UsageReport) => void reports.push(usageReport.parse(report))
  const gateway = 'gateway-1'
  const usage = new UsageCounts({ gateway, send, shelf: disk().shelfOf('g'), nowMs: () => 0 })
  const place = { project: 'p', key: 'k', route: 'r', model: 'm' }
  for (let i = 0; i < 3; i++) usage.add(place, { costNanos: Number.MAX_SAFE_INTEGER })
  await usage.tell()
  expect(reports[0]?.rows[0]?.costNanos).toBe(Number.MAX_SAFE_INTEGER)
})

test('more kinds of requests than can wait are counted together (U2)', async () => {
  const reports: UsageReport[] = []
  const send = async (report: UsageReport) => void reports.push(report)
  const { shelfOf } = disk()
  const usage = new UsageCounts({ gateway: 'g', send, shelf: shelfOf('g'), nowMs: () => 0 })
  for (let i = 0; i < 60_000; i++) {
    usage.add({ project: 'p', key: 'k', route: `r${i}`, model: 'm' }, { requests: 1 })
  }
  await usage.tell()
  const rows = reports.flatMap((report) => report.rows)
  expect(rows.find(({ route }) => route === 'other')?.requests).toBe(10_000)
  expect(rows.reduce((sum, { requests }) => sum + requests, 0)).toBe(60_000)
  expect(Math.max(...reports.map((report) => report.rows.length))).toBe(2_000)
})

test('each place and hour counts for itself, whichever came before it', async () => {
  const name = fc.constantFrom('a', 'b')
  const places = fc.array(fc.record({ project: name, key: name, route: name, model: name }))
  const hours = fc.array(fc.nat(1), { minLength: 1, maxLength: 40 })
  const property = fc.asyncProperty(places, hours, async (list, spread) => {
    const told: UsageReport[] = []
    const send = async (report: UsageReport) => void told.push(report)
    let nowMs = 0
    const nowOf = () => nowMs
    const usage = new UsageCounts({ gateway: 'g', send, shelf: disk().shelfOf('g'), nowMs: nowOf })
    const expected = new Map<string, number>()
    for (const [i, place] of list.entries()) {
      nowMs = (spread[i % spread.length] ?? 0) * 3_600_000
      const row = JSON.stringify({ ...place, hourMs: nowMs })
      expected.set(row, (expected.get(row) ?? 0) + 1)
      usage.add(place, { requests: 1 })
      if (i === 3) await usage.tell()
    }
    await usage.close()
    const counted = new Map<string, number>()
    for (const { project, key, route, model, hourMs, requests } of told.flatMap(
      (one) => one.rows,
    )) {
      const row = JSON.stringify({ project, key, route, model, hourMs })
      counted.set(row, (counted.get(row) ?? 0) + requests)
    }
    expect(counted).toEqual(expected)
  })
  await fc.assert(property)
})
