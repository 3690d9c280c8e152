import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { jq, jqTests } from './jq.ts'
import { parseJqTests } from './jq-tests.ts'

const repository = fileURLToPath(new URL('../../', import.meta.url))
const data = resolve(repository, process.env['TUTTI_CONFORMANCE_DATA'] ?? '../shared/data')
const isThere = existsSync(join(data, jqTests))

if (!isThere) {
  console.log(
    'skipped: jq; put `tests/jq.test` of github.com/jqlang/jq in $TUTTI_CONFORMANCE_DATA/workflow/jq/',
  )
}

test('a test file is read as cases', () => {
  const text = '# about\n.a\n{"a":1}\n1\n\n%%FAIL\n{\njq: error\n\n.b\n[]\n# Runtime error: "x"\n'
  expect(parseJqTests(text)).toEqual([
    { line: 2, program: '.a', wanted: { kind: 'outputs', input: '{"a":1}', outputs: ['1'] } },
    { line: 7, program: '{', wanted: { kind: 'refused' } },
    { line: 10, program: '.b', wanted: { kind: 'error', input: '[]', outputs: [] } },
  ])
})

test.skipIf(!isThere)("every case of jq's own tests gives what it should", async () => {
  const score = await jq(data)
  expect(score.notes.filter((note) => !note.startsWith('not run'))).toEqual([])
  expect(score.total).toBeGreaterThan(500)
})
