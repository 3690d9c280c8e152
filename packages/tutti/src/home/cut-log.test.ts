import {
  appendFileSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { cutLog } from './cut-log.ts'
import { LogTail } from './log-tail.ts'

const folder = mkdtempSync(join(tmpdir(), 'tutti-cut-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('a long log is kept beside, once, and who writes and who reads go on', () => {
  const path = join(folder, 'gateway.log')
  const part = openSync(path, 'a', 0o600)
  const lines: string[] = []
  const tail = new LogTail(path, 0, (line) => void lines.push(String(line)))
  writeSync(part, 'one\ntwo\n')
  cutLog(path, 8) // so long it may be
  expect([statSync(path).size, existsSync(`${path}.1`)]).toEqual([8, false])
  tail.readOn()
  for (const [text, kept] of [
    ['three\n', 'one\ntwo\nthree\n'],
    ['four, five\n', 'four, five\n'],
  ] as const) {
    writeSync(part, text)
    tail.readOn()
    cutLog(path, 8)
    expect([readFileSync(path, 'utf8'), readFileSync(`${path}.1`, 'utf8')]).toEqual(['', kept])
  }
  writeSync(part, 'six\n')
  tail.readOn()
  expect(readFileSync(path, 'utf8')).toBe('six\n')
  expect(lines).toEqual(['one', 'two', 'three', 'four, five', 'six'])
  expect(statSync(`${path}.1`).mode & 0o777).toBe(0o600)
  tail.close()
  closeSync(part)
})

test('more than is read at once is kept whole', () => {
  const path = join(folder, 'long.log')
  const line = `${'x'.repeat(999)}\n`
  for (let i = 0; i < 30; i++) appendFileSync(path, line.repeat(100))
  cutLog(path, 2 ** 20)
  expect([statSync(path).size, statSync(`${path}.1`).size]).toEqual([0, 3_000_000])
})

test('a log that cannot be kept, or is none, stays as it is', () => {
  const path = join(folder, 'node.log')
  writeFileSync(path, 'one\n')
  mkdirSync(`${path}.1`)
  cutLog(path, 1)
  expect(readFileSync(path, 'utf8')).toBe('one\n')
  cutLog(join(folder, 'none.log'), 1)
  expect(existsSync(join(folder, 'none.log'))).toBe(false)
})
