// docs/faults.md says what happens when something goes wrong, and by which tests one can know: all of them are there.

import { existsSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

const rows = readFileSync('docs/faults.md', 'utf8')
  .split('\n')
  .filter((line) => line.startsWith('| ') && !/^\| (fault|-+) +\|/.test(line))
const named = rows.flatMap((row) =>
  [...row.matchAll(/`([^`]+)` “([^”]+)”/g)].map(([, file = '', title = '']) => ({ file, title })),
)

test('every fault has an outcome and a test', () => {
  expect(rows.length).toBeGreaterThan(40)
  const without = rows.filter((row) => !/^\| [^|]+ \| [^|]*\w[^|]* \| `[^`]+` “[^”]+”/.test(row))
  expect(without).toEqual([])
})

test.each(named)('$file has the test “$title”', ({ file, title }) => {
  expect(file).toMatch(/\.test\.ts$/)
  expect(existsSync(file)).toBe(true)
  const source = readFileSync(file, 'utf8')
  const isThere = ["'", '"', '`'].some((quote) => source.includes(`${quote}${title}${quote}`))
  expect(isThere).toBe(true)
})
