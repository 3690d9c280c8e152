import { guardSpec } from '@tutti/core/governance'
import { afterAll, expect, test, vi } from 'vitest'
import { Scanner } from './scanner.ts'

const scanner = new Scanner()
afterAll(() => scanner.stop())

test('a long document goes to the thread, and who gave it keeps its bytes (N3)', async () => {
  const guard = guardSpec.parse({ detect: ['email'] })
  const job = { kind: 'scan', guard, side: 'input', plan: {}, originals: new Map() } as const
  const json = JSON.stringify({ content: `${'word '.repeat(4_000)}a@b.example` })
  const own = Buffer.from(json)
  // Whoever looked here would look with these, at once.
  const here = vi.spyOn(scanner, 'detectors')
  const scanned = await scanner.scan({ ...job, bytes: own })
  expect(here).not.toHaveBeenCalled()
  expect(scanned.counts).toMatchObject([{ kind: 'email', count: 1 }])
  expect(scanned.bytes).toBeNull()
  expect(own.toString('utf8')).toBe(json)
  await scanner.scan({ ...job, bytes: Buffer.from('{"content":"short"}') })
  expect(here).toHaveBeenCalledOnce()
})

test('a document that could not be looked through is refused, and the next one is looked through (N1)', async () => {
  const guard = guardSpec.parse({ detect: ['email'] })
  const json = JSON.stringify({ content: `${'word '.repeat(4_000)}a@b.example` })
  const job = {
    kind: 'scan',
    guard,
    side: 'input',
    plan: { email: 'redact' },
    originals: new Map(),
    bytes: Buffer.from(json),
  } as const
  const broken = { ...job, guard: { ...guard, on: null as unknown as ['input'] } }
  await expect(scanner.scan(broken)).rejects.toMatchObject({ code: 'gateway/scan-failed' })
  const scanned = await scanner.scan(job)
  const passed = Buffer.from(scanned.bytes ?? []).toString('utf8')
  expect(passed).toBe(json.replace('a@b.example', '[EMAIL_1]'))
  expect(scanned.originals).toEqual(new Map([['[EMAIL_1]', 'a@b.example']]))
})
