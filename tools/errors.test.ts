// Every error code stands in docs/errors.md, is thrown or answered somewhere, and nothing else stands there.

import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { errorCodes } from '../packages/control-plane/src/api/answer.ts'
import { failureCodes as controlPlane } from '../packages/control-plane/src/failure.ts'
import { failureCodes as gateway } from '../packages/gateway/src/failure.ts'
import { failureCodes as ledger } from '../packages/ledger/src/failure.ts'
import { failureCodes as node } from '../packages/node/src/failure.ts'
import { failureCodes as sdk } from '../packages/sdk/src/failure.ts'
import { failureCodes as tutti } from '../packages/tutti/src/failure.ts'

const inCode: readonly string[] = [
  ...errorCodes,
  ...controlPlane,
  ...gateway,
  ...ledger,
  ...node,
  ...sdk,
  ...tutti,
]

test('docs/errors.md explains every code, and no other', () => {
  const page = readFileSync('docs/errors.md', 'utf8')
  const explained = [...page.matchAll(/^\| `([a-z-]+\/[a-z-]+)` +\|/gm)].map(([, code]) => code)
  expect([...explained].sort()).toEqual([...inCode].sort())
})

test('every code is used outside its own list', () => {
  const files = execFileSync('git', ['ls-files', '-co', '--exclude-standard', 'packages'])
    .toString()
    .trim()
    .split('\n')
    .filter((path) => path.endsWith('.ts') && !/failure\.ts$|answer\.ts$|\.test\.ts$/.test(path))
  const text = files.map((path) => readFileSync(path, 'utf8')).join('\n')
  expect(inCode.filter((code) => !text.includes(`'${code}'`))).toEqual([])
})
