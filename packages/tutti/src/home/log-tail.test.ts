import {
  appendFileSync,
  copyFileSync,
  mkdtempSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { LogTail } from './log-tail.ts'

const folder = mkdtempSync(join(tmpdir(), 'tutti-log-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const path = join(folder, 'part.log')

function follow(lines: number) {
  const told: string[] = []
  const tail = new LogTail(path, lines, (line) => told.push(line.toString()))
  const next = () => {
    tail.readOn()
    return told.splice(0)
  }
  return { tail, told, next }
}

test('the last lines of a log are told, however long they are', () => {
  const long = 'é'.repeat(50_000) // of two bytes each: more than is read at once
  const lines = ['first', long, '', `${long}!`, 'last but one', 'begun']
  writeFileSync(path, lines.join('\n'))
  for (let count = 0; count <= lines.length + 1; count++) {
    const { tail, next, told } = follow(count)
    const expected = count === 0 ? [] : lines.slice(-count)
    expect(next()).toEqual(expected.slice(0, -1))
    tail.close()
    expect(told).toEqual(expected.slice(-1)) // its end has not been written
  }
  appendFileSync(path, '\n')
  expect(follow(2).next()).toEqual(['last but one', 'begun'])
  writeFileSync(path, '')
  expect(follow(5).next()).toEqual([])
})

test('who follows a log is told each line once, when it is whole', () => {
  writeFileSync(path, 'before\nonce\nbe')
  const { next } = follow(1)
  expect(next()).toEqual([])
  appendFileSync(path, 'gu')
  expect(next()).toEqual([])
  appendFileSync(path, 'n\nthen')
  expect(next()).toEqual(['begun'])
  expect(next()).toEqual([])
})

test('a log is followed that is moved, begun anew, cut or removed', () => {
  writeFileSync(path, 'old\n')
  const { next } = follow(1)
  expect(next()).toEqual(['old'])
  appendFileSync(path, 'late\n')
  renameSync(path, `${path}.1`)
  expect(next()).toEqual(['late'])
  appendFileSync(`${path}.1`, 'later\n')
  writeFileSync(path, 'new\n')
  expect(next()).toEqual(['later', 'new'])
  copyFileSync(path, `${path}.2`)
  truncateSync(path)
  expect(next()).toEqual([])
  appendFileSync(path, 'cut\n')
  expect(next()).toEqual(['cut'])
  rmSync(path)
  expect(next()).toEqual([])
  writeFileSync(path, 'again\n')
  expect(next()).toEqual(['again'])
})

test('a log that is not there yet is told from its beginning', () => {
  rmSync(path, { force: true })
  const { next } = follow(1)
  expect(next()).toEqual([])
  writeFileSync(path, 'one\ntwo\n')
  expect(next()).toEqual(['one', 'two'])
})

test('a line that has no end is told in pieces', () => {
  writeFileSync(path, 'x'.repeat(5 * 2 ** 20))
  const { next } = follow(1)
  expect(next().length).toBeGreaterThan(3)
})
