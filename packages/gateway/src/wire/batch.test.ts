import type { Socket } from 'node:net'
import { expect, test } from 'vitest'
import { Batch } from './batch.ts'
import { withSocket } from './with-socket.fixture.ts'

/** What had gone out when each of `count` members had written, and when all was over. */
async function written(batch: Batch, socket: Socket, count: number): Promise<number[]> {
  const seen: number[] = []
  const before = socket.bytesWritten
  for (let i = 0; i < count; i++) {
    batch.add({
      turn: () => {
        batch.write(socket, 'x')
        seen.push(socket.bytesWritten - before)
      },
    })
  }
  await new Promise((resolve) => setImmediate(() => setImmediate(resolve)))
  return [...seen, socket.bytesWritten - before]
}

test('what one member alone writes goes out at once; what several write, after all their turns (W7, W9)', async () => {
  await withSocket(async (socket, far) => {
    const batch = new Batch()
    expect(await written(batch, socket, 1)).toEqual([1, 1])
    expect(await written(batch, socket, 3)).toEqual([0, 0, 0, 3])
    expect(await written(batch, socket, 1)).toEqual([1, 1])
    let got = ''
    for await (const bytes of far) {
      got += String(bytes)
      if (got.length === 5) break
    }
    expect(got).toBe('xxxxx') // W6
  })
})
