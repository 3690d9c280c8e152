import { expect, test } from 'vitest'
import { linesOf } from './lines-of.ts'

async function* cut(bytes: Buffer, size: number) {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

async function linesIn(text: string, size: number): Promise<string[]> {
  const lines: string[] = []
  for await (const line of linesOf(cut(Buffer.from(text), size))) lines.push(line)
  return lines
}

test('lines are the same wherever they were cut, and one without an end is none', async () => {
  for (let size = 1; size < 20; size++) {
    expect(await linesIn('one\n\nzwölf 🙂\n\nthe rest', size)).toEqual(['one', '', 'zwölf 🙂', ''])
  }
})

test('a line of 16 MB in 32,000 pieces takes no longer than its bytes', async () => {
  const long = 'x'.repeat(16 * 2 ** 20)
  expect(await linesIn(`${long}\nnext\n`, 512)).toEqual([long, 'next'])
})

test('a line that never ends is given up', async () => {
  const piece = Buffer.alloc(2 ** 20, 'x')
  async function* endless() {
    for (;;) yield piece
  }
  await expect(linesOf(endless()).next()).rejects.toThrow('a line is longer than 67108864')
})
