import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Golden } from '@tutti/core/fleet'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { ModelServer, type ModelServerOptions } from './model-server.ts'
import type { ServedModel } from './served-model.ts'
import { Telemetry } from './telemetry.ts'
import type { Tensor } from './tensor.ts'
import { addingModel, lookupModel, tinyVariant } from './tiny-onnx.ts'

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tutti-server-'))
  await Promise.all([1, 2, 3].map((n) => writeFile(join(folder, `v${n}.onnx`), addingModel(n))))
  await writeFile(join(folder, 'lookup.onnx'), lookupModel([10, 20, 30]))
})
afterAll(() => rm(folder, { recursive: true }))

test('M1: fifty hot swaps under load lose nothing and mix nothing up', async () => {
  const { server, telemetry } = serverWith({})
  await server.activate(await stage(server, 1))
  let swapping = true
  let answered = 0
  const load = Array.from({ length: 8 }, async () => {
    while (swapping) {
      const model = server.resolve('adder', null)
      const expected = Number(model.version.slice(1))
      expect(await ask(model, 0)).toBe(expected)
      answered += 1
    }
  })
  for (let swap = 0; swap < 50; swap++) {
    await server.activate(await stage(server, 1 + ((swap + 1) % 3)))
  }
  swapping = false
  await Promise.all(load)
  const counts = telemetry.take()
  expect(counts.reduce((sum, { requests }) => sum + requests, 0)).toBe(answered)
  expect(counts.every(({ errors }) => errors === 0)).toBe(true)
})

test('a rollback within what is retained loads nothing', async () => {
  const { server } = serverWith({})
  const one = await stage(server, 1)
  await server.activate(one)
  await server.activate(await stage(server, 2))
  expect(await stage(server, 1)).toBe(one)
  await server.activate(one)
  expect(await ask(server.resolve('adder', null), 5)).toBe(6)
  expect(await ask(server.resolve('adder', 'v2'), 5)).toBe(7)
})

test.each([
  ['by number', { retainedMax: 1 }],
  ['by memory', { retainedMax: 9, retainedBytesMax: 1_999 }],
])('M2: old versions are bounded %s', async (_, options) => {
  const { server } = serverWith(options)
  const versions: ServedModel[] = []
  for (const n of [1, 2, 3]) {
    const model = await stage(server, n)
    versions.push(model)
    await server.activate(model)
  }
  expect(versions.map(({ state }) => state.phase)).toEqual(['ended', 'ready', 'ready'])
  expect(() => server.resolve('adder', 'v1')).toThrow('it has: v3, v2')
})

test('a version answers from its activation to its deactivation', async () => {
  const { server } = serverWith({})
  expect(() => server.resolve('adder', null)).toThrow(
    'unknown model adder; this node serves: nothing',
  )
  const model = await stage(server, 1)
  expect(() => server.resolve('adder', null)).toThrow('no active version yet')
  expect(() => server.resolve('ader', null)).toThrow('is it adder?')
  await server.activate(model)
  const accepted = ask(model, 1)
  await server.deactivate('adder')
  expect(await accepted).toBe(2) // what was accepted is answered
  expect(server.list()).toEqual([])
  await expect(ask(model, 1)).rejects.toMatchObject({ code: 'node/model-not-ready' })
  await expect(server.activate(model)).rejects.toMatchObject({ code: 'node/model-not-ready' })
})

test('a newer stage takes the place of one that was never activated', async () => {
  const { server } = serverWith({})
  const first = await stage(server, 1)
  const second = await stage(server, 2)
  expect([first.state.phase, second.state.phase]).toEqual(['ended', 'ready'])
})

test('the probe compares what comes out on this machine', async () => {
  const { server, telemetry } = serverWith({})
  const model = await stage(server, 2)
  expect(await server.probe(model, goldenOf([1, 2], [3, 4]))).toEqual({ ok: true, cases: 1 })
  expect(await server.probe(model, goldenOf([1, 2], [3, 5]))).toMatchObject({
    ok: false,
    reason: 'golden case 0: output y at 1 is 4, expected 5',
  })
  expect(await server.probe(model, goldenOf([1, 2, 3], [3, 4, 5]))).toMatchObject({
    ok: false,
    reason: expect.stringContaining('golden case 0'),
  })
  expect(telemetry.take()).toEqual([]) // a probe is no traffic
})

test('a stage that cannot be served says why', async () => {
  const { server } = serverWith({})
  const absent = stageRequest('adder', 9)
  await expect(server.stage(absent)).rejects.toMatchObject({ code: 'node/model-load-failed' })
  const inputs = [{ name: 'z', datatype: 'FP32' as const, shape: [-1, 2] }]
  const wrong = { ...stageRequest('adder', 1), variant: { ...tinyVariant(1), inputs } }
  await expect(server.stage(wrong)).rejects.toMatchObject({
    code: 'node/model-mismatch',
    message: expect.stringContaining("'z' is not a tensor of the file, which has: x"),
  })
  expect(server.list()).toEqual([])
})

test('a run that fails is the model’s error, with the model’s name', async () => {
  const { server, telemetry } = serverWith({})
  const request = { ...stageRequest('table', 1), entryPath: join(folder, 'lookup.onnx') }
  const model = await server.stage({ ...request, variant: tinyVariant(8) })
  const lookup = (index: bigint) => {
    const data = new BigInt64Array([index])
    return model.infer([{ name: 'x', datatype: 'INT64', shape: [1], data }], ['y'], null)
  }
  const outcomes = await Promise.allSettled([lookup(0n), lookup(99n), lookup(2n)])
  expect(outcomes).toMatchObject([
    { value: [{ data: new Float32Array([10]) }] },
    {
      reason: {
        code: 'node/run-failed',
        message: expect.stringContaining('model table v1 failed on this input'),
      },
    },
    { value: [{ data: new Float32Array([30]) }] },
  ])
  expect(telemetry.take()).toMatchObject([{ model: 'table', requests: 3, errors: 1 }])
})

test('a worker that dies is started again, until it has died too often', async () => {
  const phases: string[] = []
  const restarted: (() => void)[] = []
  const { server, telemetry } = serverWith({
    threadUrl: new URL(`data:text/javascript,${encodeURIComponent(dyingThread)}`),
    restart: { crashesMax: 2, windowMs: 60_000, delayMs: 0 },
    onState: ({ state }) => {
      phases.push(state.phase)
      if (state.phase === 'ready' || state.phase === 'dead') restarted.shift()?.()
    },
  })
  const model = await stage(server, 1)
  await server.activate(model)
  for (let crash = 0; crash < 3; crash++) {
    const settled = new Promise<void>((resolve) => restarted.push(resolve))
    await expect(ask(model, 666)).rejects.toMatchObject({
      code: 'node/worker-died',
      message: expect.stringContaining('exited with code 3'),
    })
    await settled
  }
  expect(phases).toEqual(['restarting', 'ready', 'restarting', 'ready', 'dead'])
  await expect(ask(model, 0)).rejects.toMatchObject({
    code: 'node/model-not-ready',
    message: expect.stringContaining('is dead'),
  })
  expect(telemetry.take()).toMatchObject([{ requests: 4, errors: 4 }])
})

test('a deadline counts against the model unless the caller set it', async () => {
  const script = dyingThread.replace('process.exit(3)', 'while (true) {}')
  const { server, telemetry } = serverWith({
    threadUrl: new URL(`data:text/javascript,${encodeURIComponent(script)}`),
    timeoutMs: 5,
  })
  const model = await stage(server, 1)
  const input = (): Tensor => ({
    ...{ name: 'x', datatype: 'FP32', shape: [1, 2], data: new Float32Array([666, 0]) },
  })
  const late = { code: 'node/deadline-exceeded' }
  await expect(model.infer([input()], ['y'], 1)).rejects.toMatchObject(late)
  expect(telemetry.take()).toEqual([])
  await expect(model.infer([input()], ['y'], null)).rejects.toMatchObject(late)
  expect(telemetry.take()).toMatchObject([{ requests: 1, errors: 1 }])
})

/** Takes one adding model's inputs and dies on the number 666. */
const dyingThread = `
  import { parentPort } from 'node:worker_threads'
  const tensor = (name) => [{ name, datatype: 'FP32', shape: [-1, 2] }]
  parentPort.on('message', ({ id, inputs }) => {
    if (inputs[0].data[0] === 666) process.exit(3)
    parentPort.postMessage({ kind: 'answer', id, runMicros: 1, outputs: inputs })
  })
  const signature = { inputs: tensor('x'), outputs: tensor('y') }
  parentPort.postMessage({ kind: 'loaded', runtime: 'native', signature })`

function serverWith(options: Partial<ModelServerOptions>) {
  const telemetry = new Telemetry()
  const server = new ModelServer({ telemetry, threads: 1, ...options })
  onTestFinished(() => server.stop())
  return { server, telemetry }
}

function stage(server: ModelServer, n: number): Promise<ServedModel> {
  return server.stage(stageRequest('adder', n))
}

function stageRequest(model: string, n: number) {
  const entryPath = join(folder, `v${n}.onnx`)
  return { model, version: `v${n}`, release: `sha256:${n}`, variant: tinyVariant(8), entryPath }
}

async function ask(model: ServedModel, value: number): Promise<number> {
  const input: Tensor = {
    name: 'x',
    datatype: 'FP32',
    shape: [1, 2],
    data: new Float32Array([value, 0]),
  }
  const [output] = await model.infer([input], ['y'], null)
  return Number(output?.data[0])
}

function goldenOf(input: number[], output: number[]): Golden {
  const tensor = (name: string, data: number[]) => ({
    ...{ name, datatype: 'FP32' as const, shape: [1, data.length], data },
  })
  return {
    comparison: { kind: 'close', absolute: 1e-4, relative: 1e-3 },
    cases: [{ inputs: [tensor('x', input)], outputs: [tensor('y', output)] }],
  }
}
