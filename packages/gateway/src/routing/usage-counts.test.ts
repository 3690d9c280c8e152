import type { UsageReport } from '@tutti/core/routing'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { UsageCounts } from './usage-counts.ts'

test('whatever is lost on the way, each request is counted once (U1)', async () => {
  const acts = fc.array(
    fc.oneof(
      fc.record({ act: fc.constant('add' as const), key: fc.constantFrom('a', 'b') }),
      fc.record({ act: fc.constant('wait' as const), ms: fc.nat(7_200_000) }),
      // lost before it came, or its answer was
      fc.record({ act: fc.constant('tell' as const), lost: fc.constantFrom('no', 'it', 'answer') }),
    ),
    { maxLength: 40 },
  )
  await fc.assert(
    fc.asyncProperty(acts, async (list) => {
      let nowMs = 0
      let lost = 'no'
      let added = 0
      const taken = new Map<number, UsageReport>()
      const send = async (report: UsageReport) => {
        if (lost === 'it') throw new Error('away')
        const known = taken.get(report.sequence)
        if (known !== undefined) expect(report).toEqual(known)
        taken.set(report.sequence, structuredClone(report))
        if (lost === 'answer') throw new Error('cut')
      }
      const usage = new UsageCounts({ gateway: 'g', send, nowMs: () => nowMs })
      for (const one of list) {
        if (one.act === 'wait') nowMs += one.ms
        else if (one.act === 'tell') {
          lost = one.lost
          await usage.tell().catch(() => {})
        } else {
          added += 1
          usage.add({ project: 'p', key: one.key, route: 'r', model: 'm' }, { requests: 1 })
        }
      }
      lost = 'no'
      await usage.tell()
      const rows = [...taken.values()].flatMap((report) => report.rows)
      expect(rows.reduce((sum, { requests }) => sum + requests, 0)).toBe(added)
      expect(rows.every((row) => row.hourMs % 3_600_000 === 0)).toBe(true)
      expect([...taken.keys()]).toEqual([...taken.keys()].map((_, i) => i + 1))
    }),
  )
})

test('more kinds of requests than can wait are counted together (U2)', async () => {
  const reports: UsageReport[] = []
  const send = async (report: UsageReport) => void reports.push(report)
  const usage = new UsageCounts({ gateway: 'g', send, nowMs: () => 0 })
  for (let i = 0; i < 60_000; i++) {
    usage.add({ project: 'p', key: 'k', route: `r${i}`, model: 'm' }, { requests: 1 })
  }
  await usage.tell()
  const rows = reports.flatMap((report) => report.rows)
  expect(rows.find(({ route }) => route === 'other')?.requests).toBe(10_000)
  expect(rows.reduce((sum, { requests }) => sum + requests, 0)).toBe(60_000)
  expect(Math.max(...reports.map((report) => report.rows.length))).toBe(2_000)
})
