import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Failure } from '../failure.ts'
import { Batcher, type BatcherLimits, type ObservedRun } from './batcher.ts'
import type { RunAnswer } from './model-worker.ts'
import type { Tensor } from './tensor.ts'

const limits: BatcherLimits = { batchMax: 8, queueMax: 1_000, queueBytesMax: 1e6 }
const timeoutMs = 60_000

test('Q1, Q3: every request gets its own answer, whatever shares its run', async () => {
  const request = fc.record({
    items: fc.nat(3),
    width: fc.integer({ min: 1, max: 2 }),
    bad: fc.boolean(),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(request, { maxLength: 60 }), async (requests) => {
      const model = doubling({ batchGain: 20 })
      const batcher = model.batcher(limits)
      for (let round = 0; round < 8; round++) {
        const outcomes = await Promise.allSettled(
          requests.map(({ items, width, bad }, i) =>
            batcher.submit({
              inputs: [rowsOf(items, width, bad ? -1 : i + 1)],
              outputs: ['y'],
              timeoutMs,
            }),
          ),
        )
        for (const [i, { items, width, bad }] of requests.entries()) {
          const outcome = outcomes[i]
          if (bad && items > 0)
            expect(outcome).toMatchObject({ reason: { code: 'node/run-failed' } })
          else
            expect(outcome).toMatchObject({ value: [rowsOf(items, width, 2 * (bad ? -1 : i + 1))] })
        }
      }
    }),
    { numRuns: 30 },
  )
})

test('a model that gains is batched, one that loses is not', async () => {
  const modes = [20, 0.7].map(async (batchGain) => {
    const batcher = doubling({ batchGain }).batcher(limits)
    for (let round = 0; round < 100; round++) {
      await Promise.all(
        Array.from({ length: 40 }, (_, i) =>
          batcher.submit({ inputs: [rowsOf(1, 1, i)], outputs: ['y'], timeoutMs }),
        ),
      )
    }
    return batcher.batching
  })
  expect(await Promise.all(modes)).toMatchObject([
    { phase: 'settled', mode: 'batched' },
    { phase: 'settled', mode: 'single' },
  ])
})

test('a run takes no more items than the model does, and only of one shape', async () => {
  const model = doubling({ batchGain: 20 })
  const batcher = model.batcher(limits)
  for (let round = 0; round < 60; round++) {
    await Promise.all(
      Array.from({ length: 40 }, (_, i) =>
        batcher.submit({
          inputs: [rowsOf(1 + (i % 3), 1 + (i % 2), 1)],
          outputs: ['y'],
          timeoutMs,
        }),
      ),
    )
  }
  const sizes = model.runs.map(({ items }) => items)
  expect(Math.max(...sizes)).toBeLessThanOrEqual(limits.batchMax)
  expect(Math.max(...sizes)).toBeGreaterThan(3)
})

test('a model whose batch comes back in one piece is asked one by one ever after', async () => {
  const model = doubling({ batchGain: 20, merges: true })
  const batcher = model.batcher(limits)
  for (let round = 0; round < 60; round++) {
    const answers = await Promise.all(
      [1, 2, 3, 4, 5].map((i) =>
        batcher.submit({ inputs: [rowsOf(1, 1, i)], outputs: ['y'], timeoutMs }),
      ),
    )
    expect(answers).toEqual([1, 2, 3, 4, 5].map((i) => [rowsOf(1, 1, 2 * i)]))
  }
  expect(model.runs.filter(({ items }) => items > 1).length).toBe(1)
})

test('Q2: a full queue refuses at once, by number and by bytes', async () => {
  const stuck = stuckBatcher({ ...limits, queueMax: 3, queueBytesMax: 1_000 })
  const inputs = [rowsOf(1, 1, 1)]
  const accepted = Array.from({ length: 5 }, () =>
    stuck.batcher.submit({ inputs, outputs: ['y'], timeoutMs }),
  )
  const many = stuck.batcher.submit({ inputs, outputs: ['y'], timeoutMs })
  await expect(many).rejects.toMatchObject({ code: 'node/overloaded', retryable: true })
  stuck.release()
  await Promise.all(accepted)
  const great = stuck.batcher.submit({ inputs: [rowsOf(1, 251, 1)], outputs: ['y'], timeoutMs })
  await expect(great).rejects.toMatchObject({ code: 'node/overloaded' })
})

test('a deadline frees whoever waits and whoever runs', async () => {
  const stuck = stuckBatcher(limits)
  const requests = Array.from({ length: 4 }, () =>
    stuck.batcher.submit({ inputs: [rowsOf(1, 1, 1)], outputs: ['y'], timeoutMs: 1 }),
  )
  const outcomes = await Promise.allSettled(requests)
  const late = { status: 'rejected', reason: { code: 'node/deadline-exceeded' } }
  expect(outcomes).toMatchObject([late, late, late, late])
  expect(stuck.batcher.queued).toBe(0)
  stuck.release()
})

/** A model that doubles, fails on negative elements, and takes virtual time. */
function doubling({ batchGain, merges = false }: { batchGain: number; merges?: boolean }) {
  let nowMicros = 0
  const runs: ObservedRun[] = []
  const run = async ([input]: readonly Tensor[]): Promise<RunAnswer> => {
    await Promise.resolve()
    const items = input?.shape[0] ?? 0
    nowMicros += items <= 1 ? 1_000 : (1_000 * items) / batchGain
    const values = input?.datatype === 'FP32' ? [...input.data].map(Number) : []
    if (values.some((value) => value < 0)) throw new Failure('node/run-failed', 'negative')
    const shape = input?.shape ?? []
    const data = new Float32Array(values.map((value) => 2 * value))
    const answer: Tensor =
      merges && items > 1
        ? { name: 'x', datatype: 'FP32', shape: [1, ...shape.slice(1)], data: data.slice(0, 1) }
        : { name: 'x', datatype: 'FP32', shape, data }
    return { outputs: [answer], runMicros: 1 }
  }
  const observe = (observed: ObservedRun) => runs.push(observed)
  const batcher = (bounds: BatcherLimits) =>
    new Batcher({ run, observe, nowMicros: () => nowMicros }, bounds)
  return { batcher, runs }
}

/** A model that answers nothing until it is released. */
function stuckBatcher(bounds: BatcherLimits) {
  let release = () => {}
  const gate = new Promise<void>((resolve) => {
    release = resolve
  })
  const run = async (inputs: readonly Tensor[]): Promise<RunAnswer> => {
    await gate
    return { outputs: inputs, runMicros: 1 }
  }
  const batcher = new Batcher({ run, observe: () => {}, nowMicros: () => 0 }, bounds)
  return { batcher, release: () => release() }
}

function rowsOf(items: number, width: number, value: number): Tensor {
  const data = new Float32Array(items * width).fill(value)
  return { name: 'x', datatype: 'FP32', shape: [items, width], data }
}
