import { expect, test } from 'vitest'
import { freshRunId } from './fresh-run-id.ts'

test('ids are UUIDs of version 7: those of a later time come later, those of one time differ', () => {
  const atMs = Date.UTC(2026, 10, 21)
  const ids = Array.from({ length: 1_000 }, () => freshRunId(atMs))
  expect(new Set(ids).size).toBe(1_000)
  for (const id of ids) {
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    expect(Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16)).toBe(atMs)
    expect(freshRunId(atMs + 1) > id).toBe(true)
  }
})
