import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { merkle } from './merkle.ts'

const repository = fileURLToPath(new URL('../../', import.meta.url))
const data = resolve(repository, process.env['TUTTI_CONFORMANCE_DATA'] ?? '../shared/data')
const isThere = existsSync(join(data, 'ledger', 'testdata'))

if (!isThere) {
  console.log(
    'skipped: Merkle vectors; put `testdata` of github.com/transparency-dev/merkle in ' +
      '$TUTTI_CONFORMANCE_DATA/ledger/',
  )
}

test.skipIf(!isThere)(
  'every proof vector of transparency-dev/merkle is judged as it asks',
  async () => {
    const score = await merkle(data)
    expect(score.notes).toEqual([])
    expect(score.passed).toBe(score.total)
    expect(score.total).toBeGreaterThan(500)
  },
)
