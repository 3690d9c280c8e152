import { expect, test } from 'vitest'
import type { Batch } from './batch.ts'
import { Lane, type Written } from './lane.ts'
import { within } from './within.ts'

const head = {
  ...{ id: 'r', project: 'p', namespace: 'n', name: 'w', version: '1.0.0', shard: 0, labels: {} },
  ...{ parent: null, startedAtMs: 0 },
}
const batch = (seq: number, committed: () => void): Batch => ({
  ...{ head, status: 'running', wakeAtMs: null, atMs: 0, isRowChanged: false, outcome: null },
  ...{ hash: null, waits: [], heard: [], signals: [], told: null, committed },
  journal: { seq, body: '[]', length: 1 },
})

test('L1, L2: batches reach the database in order, together while one is under way, and are told once they are written', async () => {
  const flushes: number[][] = []
  const told: number[] = []
  let release = () => {}
  const lane = new Lane({
    write: async (batches) => {
      flushes.push(batches.map(({ journal }) => journal?.seq ?? -1))
      expect(told).not.toContain(flushes.at(-1)?.[0])
      if (flushes.length === 1) {
        await new Promise<void>((resolve) => {
          release = resolve
        })
      }
      return 'written'
    },
    onFenced: () => {},
    onTrouble: () => {},
    pause: async () => {},
  })
  const all = new Promise<void>((resolve) => {
    for (let seq = 0; seq < 3; seq++) {
      const committed = () => {
        told.push(seq)
        if (told.length === 6) resolve()
      }
      lane.append(batch(seq, committed))
      setImmediate(() => {
        lane.append(
          batch(seq + 3, () => {
            told.push(seq + 3)
            if (told.length === 6) resolve()
          }),
        )
        if (seq === 2) setImmediate(() => release())
      })
    }
  })
  await all
  expect(flushes).toEqual([
    [0, 1, 2],
    [3, 4, 5],
  ])
  expect(told).toEqual([0, 1, 2, 3, 4, 5])
})

test('L3: a flush that fails or gives no answer is repeated as it was; one that is fenced ends the lane', async () => {
  const answers: (() => Promise<Written>)[] = [
    async () => {
      throw new Error('connection lost')
    },
    () => within(1, new Promise<Written>(() => {})),
    async () => 'written',
    async () => 'fenced',
  ]
  const flushes: number[][] = []
  const troubles: string[] = []
  const told: number[] = []
  await new Promise<void>((resolve) => {
    const lane = new Lane({
      write: async (batches) => {
        flushes.push(batches.map(({ journal }) => journal?.seq ?? -1))
        return (await answers.shift()?.()) ?? 'written'
      },
      onFenced: resolve,
      onTrouble: (error) => troubles.push(error instanceof Error ? error.message : ''),
      pause: async () => {},
    })
    lane.append(
      batch(0, () => {
        told.push(0)
        lane.append(batch(1, () => told.push(1)))
      }),
    )
  })
  expect(flushes).toEqual([[0], [0], [0], [1]])
  expect(troubles).toEqual(['connection lost', 'no answer within 1 ms'])
  expect(told).toEqual([0])
})

test('who waits for a flush goes on after it, also where the engine is fenced; at once where there is none', async () => {
  const outcomes: Written[] = ['written', 'fenced']
  const lane = new Lane({
    write: async () => outcomes.shift() ?? 'written',
    onFenced: () => {},
    onTrouble: () => {},
    pause: async () => {},
  })
  await lane.flushed()
  for (const depth of [1, 1]) {
    lane.append(batch(0, () => {}))
    expect(lane.depth).toBe(depth)
    await lane.flushed()
    expect(lane.depth).toBe(0)
  }
})
