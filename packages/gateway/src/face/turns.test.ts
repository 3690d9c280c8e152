import { expect, test } from 'vitest'
import { Turns } from './turns.ts'

/** Who went on in which turn of the event loop, where each takes so long. */
async function course(eachMs: number, count: number): Promise<string> {
  let nowMs = 0
  const turns = new Turns(() => nowMs)
  let said = ''
  let isOver = false
  const look = () => {
    said += '|'
    if (!isOver) setImmediate(look)
  }
  const all = Array.from({ length: count }, async (_, i) => {
    await turns.take()
    said += i
    nowMs += eachMs
  })
  setImmediate(look)
  await Promise.all(all)
  isOver = true
  await turns.take() // and again, once nobody waits
  return said
}

test('long requests go on for three milliseconds in a turn of the event loop, in order; others come between (Q1)', async () => {
  expect(await course(3, 4)).toMatch(/^\|?0\|1\|2\|3\|*$/)
  expect(await course(1, 6)).toMatch(/^\|?012\|345\|*$/)
  expect(await course(0, 6)).toMatch(/^\|?012345\|*$/)
})
