import { guardSpec } from '@tutti/core/governance'
import { afterEach, expect, test } from 'vitest'
import { Scanner } from './scanner.ts'

const scanner = new Scanner()
afterEach(() => scanner.stop())

test('a document that could not be looked through is refused, and the next one is looked through (N1)', async () => {
  const guard = guardSpec.parse({ detect: ['email'] })
  const json = JSON.stringify({ content: `${'word '.repeat(4_000)}a@b.example` })
  const job = {
    guard,
    side: 'input',
    plan: { email: 'redact' },
    originals: new Map(),
    json,
  } as const
  const broken = { ...job, guard: { ...guard, on: null as unknown as ['input'] } }
  await expect(scanner.scan(broken)).rejects.toMatchObject({ code: 'gateway/scan-failed' })
  const scanned = await scanner.scan(job)
  expect(scanned.json).toBe(json.replace('a@b.example', '[EMAIL_1]'))
  expect(scanned.originals).toEqual(new Map([['[EMAIL_1]', 'a@b.example']]))
})
