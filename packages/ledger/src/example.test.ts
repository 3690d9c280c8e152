import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { keepAndCheck } from '../samples/keep-and-check.ts'

const folder = new URL('../', import.meta.url)

test('the example of the README works, and leaves nothing', async () => {
  const temporary = await mkdtemp(join(tmpdir(), 'tutti-example-'))
  vi.stubEnv('TMPDIR', temporary)
  expect(await keepAndCheck()).toBe(true)
  expect(await readdir(temporary)).toEqual([])
  vi.unstubAllEnvs()
  await rm(temporary, { recursive: true })
})

test('the README shows the example as it is', async () => {
  const example = await readFile(new URL('samples/keep-and-check.ts', folder), 'utf8')
  const readme = await readFile(new URL('README.md', folder), 'utf8')
  expect(readme).toContain(`\`\`\`ts\n${example}\`\`\`\n`)
})
