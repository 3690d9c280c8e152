// Files as people have them.

import { execFileSync, fork } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, constants, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { parseDocuments, readDocuments, readResources } from './documents.ts'

const folder = mkdtempSync(join(tmpdir(), 'tutti-documents-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function read(bytes: string | Buffer) {
  const path = join(folder, 'one.yaml')
  writeFileSync(path, bytes)
  return readDocuments(path).map(({ value }) => value)
}

const text = 'kind: Project\nspec:\n  description: café\n'
const value = { kind: 'Project', spec: { description: 'café' } }

test.each([
  ['as it is', text],
  ['of Windows, line by line', text.replaceAll('\n', '\r\n')],
  ['of Windows, with a mark before it', `\uFEFF${text}`],
  ['JSON', JSON.stringify(value)],
  ['JSON with a mark before it', `\uFEFF${JSON.stringify(value)}`],
])('text %s is read', (_, given) => expect(read(given)).toEqual([value]))

test.each([
  ['Latin-1', Buffer.from(text, 'latin1')],
  ['UTF-16', Buffer.from(`\uFEFF${text}`, 'utf16le')],
])('%s is refused: it would be declared with other letters', (_, bytes) => {
  expect(() => read(bytes)).toThrow(/one.yaml: expected UTF-8 text, got other bytes: save it as/)
})

test('what `tutti get --json` prints is read resource by resource', () => {
  const path = join(folder, 'list.json')
  writeFileSync(path, JSON.stringify([value, 7]))
  expect(readResources(path)).toEqual([
    { source: `${path} (entry 1)`, value },
    { source: `${path} (entry 2)`, value: 7 },
  ])
  expect(readDocuments(path)).toEqual([{ source: path, value: [value, 7] }])
  writeFileSync(path, '[]')
  expect(() => readResources(path)).toThrow('list.json: expected a resource, the list is empty')
})

test('no more is read of a file than it may have', () => {
  expect(() => readDocuments('/dev/zero')).toThrow('/dev/zero: expected at most 4194304 bytes')
})

test('a warning about a key that is none is not printed beside what is said of it', () => {
  const warnings: unknown[] = []
  const warn = (...said: unknown[]) => warnings.push(said)
  const { emitWarning } = process
  process.emitWarning = warn
  try {
    expect(read('name: {{ .Values.name }}\n')).toHaveLength(1)
  } finally {
    process.emitWarning = emitWarning
  }
  expect(warnings).toEqual([])
})

test('standard input that does not wait for what comes is read whole', async () => {
  const path = join(folder, 'input')
  execFileSync('mkfifo', [path])
  const script = join(folder, 'read.mjs')
  const door = new URL('../../dist/home/documents.js', import.meta.url)
  const { O_RDONLY, O_NONBLOCK } = constants
  writeFileSync(
    script,
    `import fs, { closeSync, openSync } from 'node:fs'
     import { syncBuiltinESMExports } from 'node:module'
     import { readDocuments } from ${JSON.stringify(door)}
     closeSync(0) // the next one to be opened has its number
     openSync(${JSON.stringify(path)}, ${O_RDONLY | O_NONBLOCK})
     const { readSync } = fs
     fs.readSync = (...of) => {
       try {
         return readSync(...of)
       } catch (error) {
         process.send(error.code)
         throw error
       }
     }
     syncBuiltinESMExports()
     process.once('message', () => {
       process.send(readDocuments('-').map(({ value }) => value))
       process.disconnect()
     })
     process.send('is open')`,
  )
  const child = fork(script, { execArgv: [], stdio: ['ignore', 'inherit', 'ignore', 'ipc'] })
  const ended = once(child, 'exit')
  const said: unknown[] = []
  child.on('message', (message) => said.push(message))
  await once(child, 'message')
  const output = openSync(path, 'w')
  child.send('read')
  await once(child, 'message')
  expect(said).toEqual(['is open', 'EAGAIN'])
  writeFileSync(output, text)
  closeSync(output)
  expect(await ended).toEqual([0, null])
  expect(said.at(-1)).toEqual([value])
})

test('what is nested too deeply is said in words and with its place, in YAML and JSON', () => {
  for (const [levels, place] of [
    [200, 'a.0.0.0'],
    [10_000, 'line 1'],
  ] as const) {
    const text = `{"a": ${'['.repeat(levels)}${']'.repeat(levels)}}`
    const said = `x: expected at most 150 levels in each other, got more at ${place}`
    expect(() => parseDocuments('x', text)).toThrow(said)
  }
  const block = Array.from({ length: 3_000 }, (_, i) => `${' '.repeat(i)}a:`).join('\n')
  expect(() => parseDocuments('x', block)).toThrow(/at most 150 levels .* at line \d+$/)
})
