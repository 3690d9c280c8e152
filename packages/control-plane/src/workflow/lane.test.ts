import { expect, test } from 'vitest'
import type { Batch } from './batch.ts'
import { Lane, type Write, type Written } from './lane.ts'
import { within } from './within.ts'

const head = {
  ...{ id: 'r', project: 'p', namespace: 'n', name: 'w', version: '1.0.0', shard: 0, labels: {} },
  ...{ parent: null, startedAtMs: 0 },
}
const never: Write = () => Promise.reject(new Error('nothing is to be written again'))
const batch = (seq: number, committed: () => void, run = 'r'): Batch => ({
  ...{
    head: { ...head, id: run },
    status: 'running',
    wakeAtMs: null,
    atMs: 0,
    isRowChanged: false,
    outcome: null,
  },
  ...{ hash: null, waits: [], heard: [], signals: [], told: null, lifecycle: [], committed },
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
    rewrite: never,
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
  const flushes: (readonly [string, readonly number[]])[] = []
  const troubles: string[] = []
  const told: number[] = []
  const saying =
    (how: string): Write =>
    async (batches) => {
      flushes.push([how, batches.map(({ journal }) => journal?.seq ?? -1)])
      return (await answers.shift()?.()) ?? 'written'
    }
  await new Promise<void>((resolve) => {
    const lane = new Lane({
      write: saying('written'),
      rewrite: saying('written again'),
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
  expect(flushes).toEqual([
    ['written', [0]],
    ['written again', [0]],
    ['written again', [0]],
    ['written', [1]],
  ])
  expect(troubles).toEqual(['connection lost', 'no answer within 1 ms'])
  expect(told).toEqual([0])
})

test('who waits for a flush goes on after it, also where the engine is fenced; at once where there is none', async () => {
  const outcomes: Written[] = ['written', 'fenced']
  const lane = new Lane({
    write: async () => outcomes.shift() ?? 'written',
    rewrite: never,
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

test('L2: many are shared between two flushes, of which neither holds a run of the other; few wait for the one under way', async () => {
  const flushes: { readonly runs: readonly string[]; readonly end: () => void }[] = []
  let begun = () => {}
  const lane = new Lane({
    write: (batches) =>
      new Promise((resolve) => {
        const runs = batches.map(({ head: { id } }) => id)
        flushes.push({ runs, end: () => resolve('written') })
        begun()
      }),
    rewrite: never,
    onFenced: () => {},
    onTrouble: () => {},
    pause: async () => {},
  })
  const flush = async (place: number) => {
    while (flushes[place] === undefined) {
      await new Promise<void>((resolve) => {
        begun = resolve
      })
    }
    return flushes[place]
  }
  const runs = Array.from({ length: 120 }, (_, index) => `r${index}`)
  for (const run of runs) lane.append(batch(0, () => {}, run))
  const [first, second] = [await flush(0), await flush(1)]
  expect([first.runs, second.runs]).toEqual([runs.slice(0, 60), runs.slice(60)])
  // What comes next for those of the second waits for it, whoever else may go.
  for (const run of runs.slice(60)) lane.append(batch(1, () => {}, run))
  for (const run of runs.slice(0, 60)) lane.append(batch(1, () => {}, run))
  first.end()
  const third = await flush(2)
  expect(third.runs).toEqual(runs.slice(0, 60))
  lane.append(batch(2, () => {}, 'few'))
  third.end()
  await lane.flushed()
  expect(flushes).toHaveLength(3) // one alone waits for the second
  second.end()
  const fourth = await flush(3)
  expect(fourth.runs).toEqual([...runs.slice(60), 'few'])
  fourth.end()
  await lane.idle()
  expect(lane.depth).toBe(0)
})
