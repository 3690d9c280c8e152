import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { keepAndCheck } from '../samples/keep-and-check.ts'

const folder = new URL('../', import.meta.url)

test('the example of the README works', async () => {
  expect(await keepAndCheck()).toBe(true)
})

test('the README shows the example as it is', async () => {
  const example = await readFile(new URL('samples/keep-and-check.ts', folder), 'utf8')
  const readme = await readFile(new URL('README.md', folder), 'utf8')
  expect(readme).toContain(`\`\`\`ts\n${example}\`\`\`\n`)
})
