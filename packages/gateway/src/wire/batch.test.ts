import type { Socket } from 'node:net'
import { expect, test, vi } from 'vitest'
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

test('a batch lasts a bounded time, and who is left keeps his place (W11)', async () => {
  vi.useFakeTimers({ toFake: ['performance'] })
  try {
    const batch = new Batch()
    const worked: string[] = []
    const busy = (name: string) => ({
      turn: () => {
        worked.push(name)
        vi.advanceTimersByTime(1.2)
      },
    })
    const late = busy('late')
    for (const name of ['a', 'b', 'c', 'd', 'e']) batch.add(busy(name))
    batch.add({ turn: () => batch.add(late) })
    const rounds: string[] = []
    while (!worked.includes('late')) {
      await new Promise(setImmediate)
      rounds.push(worked.join(''))
    }
    expect(rounds.slice(-4)).toEqual(['ab', 'abcd', 'abcde', 'abcdelate'])
  } finally {
    vi.useRealTimers()
  }
})

test('what goes to one socket in a row goes out in one piece, in order (W6)', async () => {
  await withSocket(async (socket, far) => {
    const batch = new Batch()
    const uncork = socket.uncork.bind(socket)
    const together: number[] = []
    socket.uncork = () => {
      together.push(socket.writableLength)
      uncork()
    }
    const says = (...texts: readonly string[]) => ({
      turn: () => {
        for (const text of texts) batch.write(socket, text, Buffer.from(`${text.length}`))
      },
    })
    batch.add(says('ab', 'c'))
    batch.add(says('def'))
    let got = ''
    for await (const bytes of far) {
      got += String(bytes)
      if (got.length === 9) break
    }
    expect(got).toBe('ab2c1def3')
    expect(together).toEqual([9])
  })
})
