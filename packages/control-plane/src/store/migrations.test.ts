import { readdirSync } from 'node:fs'
import { expect, test } from 'vitest'

test('migrations are numbered from 1 without a gap, each number once', () => {
  const files = readdirSync(new URL('../../migrations/', import.meta.url)).sort()
  const numbers = files.map((name) => Number(/^(\d{4})_[a-z_]+\.sql$/.exec(name)?.[1]))
  expect(numbers).toEqual(files.map((_, i) => i + 1))
})
