import { readdir, readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { failureCodes, LedgerFailure } from './index.ts'

const source = new URL('./', import.meta.url)

test('every code is thrown somewhere, and the README explains each', async () => {
  const names = await readdir(source, { recursive: true })
  const files = names.filter((name) => /(?<!\.test)\.ts$/.test(name) && name !== 'failure.ts')
  const texts = await Promise.all(files.map((name) => readFile(new URL(name, source), 'utf8')))
  const thrown = new Set(texts.join('\n').match(/(?<=')ledger\/[a-z-]+(?=')/g))
  expect([...thrown].sort()).toEqual([...failureCodes].sort())
  const readme = await readFile(new URL('../README.md', source), 'utf8')
  for (const code of failureCodes) expect(readme).toContain(`\`${code}\``)
})

test('only disks are worth another try, and the cause is kept', () => {
  const cause = new Error('EIO')
  const failure = new LedgerFailure('ledger/unreadable', 'cannot read x', cause)
  expect(failure).toMatchObject({ code: 'ledger/unreadable', retryable: true, cause })
  expect(new LedgerFailure('ledger/bad-vkey', 'no').retryable).toBe(false)
})
