import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ModelWorker, type ModelWorkerOptions } from './model-worker.ts'
import type { Tensor } from './tensor.ts'
import { addingModel, floats, lookupModel, tinyOnnx } from './tiny-onnx.ts'

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tutti-worker-'))
})
afterAll(() => rm(folder, { recursive: true }))

/** Made anew for each run: a run takes over the buffers. */
const tensors = (): readonly Tensor[] => [
  { name: 'x0', datatype: 'BOOL', shape: [2], data: new Uint8Array([1, 0]) },
  { name: 'x1', datatype: 'UINT8', shape: [2], data: new Uint8Array([0, 255]) },
  { name: 'x2', datatype: 'UINT16', shape: [2], data: new Uint16Array([0, 65_535]) },
  { name: 'x3', datatype: 'UINT32', shape: [2], data: new Uint32Array([0, 2 ** 32 - 1]) },
  { name: 'x4', datatype: 'UINT64', shape: [2], data: new BigUint64Array([0n, 2n ** 64n - 1n]) },
  { name: 'x5', datatype: 'INT8', shape: [2], data: new Int8Array([-128, 127]) },
  { name: 'x6', datatype: 'INT16', shape: [2], data: new Int16Array([-1, 1]) },
  { name: 'x7', datatype: 'INT32', shape: [2], data: new Int32Array([-1, 1]) },
  { name: 'x8', datatype: 'INT64', shape: [2], data: new BigInt64Array([-(2n ** 63n), 1n]) },
  { name: 'x9', datatype: 'FP16', shape: [2], data: new Uint16Array([0x3c00, 0xfc00]) },
  { name: 'x10', datatype: 'FP32', shape: [2], data: new Float32Array([-0.5, Number.NaN]) },
  { name: 'x11', datatype: 'FP64', shape: [2], data: new Float64Array([1e300, 0.1]) },
  { name: 'x12', datatype: 'BYTES', shape: [2], data: ['', 'Zürich ✓'] },
  { name: 'x13', datatype: 'FP32', shape: [0], data: new Float32Array(0) },
]

test.each(['native', 'wasm'] as const)('%s carries every datatype unchanged', async (runtime) => {
  const outputs = tensors().map((tensor) => ({ ...tensor, name: tensor.name.replace('x', 'y') }))
  const open = ({ name, datatype }: Tensor) => ({ name, datatype, shape: [-1] })
  const model = tinyOnnx({
    nodes: tensors().map(({ name }, i) => {
      return { op: 'Identity', inputs: [name], outputs: [outputs[i]?.name ?? ''] }
    }),
    inputs: tensors().map(open),
    outputs: outputs.map(open),
  })
  const worker = await load(model, { runtime })
  expect(worker.runtime).toBe(runtime)
  expect(worker.signature.inputs).toEqual(tensors().map(open))
  const answer = await worker.run(
    tensors(),
    outputs.map(({ name }) => name),
  )
  expect(answer.outputs).toEqual(outputs)
  await worker.end()
})

test('both runtimes give the same answers, weights in a file of their own included', async () => {
  await writeFile(join(folder, 'amount.bin'), new Uint8Array(new Float32Array([0.1]).buffer))
  const model = tinyOnnx({
    nodes: [
      { op: 'Add', inputs: ['x', 'amount'], outputs: ['sum'] },
      { op: 'Sigmoid', inputs: ['sum'], outputs: ['y'] },
    ],
    inputs: [{ name: 'x', datatype: 'FP32', shape: [-1] }],
    outputs: [{ name: 'y', datatype: 'FP32', shape: [-1] }],
    constants: [{ ...floats('amount', [0]), data: 'amount.bin' }],
  })
  const answers: unknown[] = []
  for (const runtime of ['native', 'wasm'] as const) {
    const worker = await load(model, { runtime, weightPaths: ['amount.bin'] })
    const data = new Float32Array([-2, 0, 3])
    const { outputs } = await worker.run([{ name: 'x', datatype: 'FP32', shape: [3], data }], ['y'])
    answers.push([...(outputs[0]?.data ?? [])].map((value) => Number(value).toFixed(6)))
    await worker.end()
  }
  expect(answers).toEqual([['0.130108', '0.524979', '0.956893'], answers[0]])
})

test.each(['native', 'wasm'] as const)(
  '%s: an output that is no tensor harms nobody',
  async (runtime) => {
    const model = tinyOnnx({
      nodes: [
        { op: 'SequenceConstruct', inputs: ['x'], outputs: ['list'] },
        { op: 'Identity', inputs: ['x'], outputs: ['y'] },
      ],
      inputs: [{ name: 'x', datatype: 'INT32', shape: [1] }],
      outputs: [
        { name: 'list', datatype: 'INT32', shape: null },
        { name: 'y', datatype: 'INT32', shape: [1] },
      ],
    })
    const worker = await load(model, { runtime })
    expect(worker.signature.outputs.map(({ name }) => name)).toEqual(['y'])
    const run = () =>
      worker.run([{ name: 'x', datatype: 'INT32', shape: [1], data: new Int32Array([7]) }], ['y'])
    expect((await run()).outputs).toMatchObject([{ data: new Int32Array([7]) }])
    await worker.end()
  },
)

test('a run that fails is that run alone', async () => {
  const worker = await load(lookupModel([10, 20]), {})
  const lookup = (index: bigint) =>
    worker.run(
      [{ name: 'x', datatype: 'INT64', shape: [1], data: new BigInt64Array([index]) }],
      ['y'],
    )
  const outcomes = await Promise.allSettled([lookup(0n), lookup(9n), lookup(1n)])
  expect(outcomes).toMatchObject([
    { value: { outputs: [{ data: new Float32Array([10]) }] } },
    { reason: { code: 'node/run-failed' } },
    { value: { outputs: [{ data: new Float32Array([20]) }] } },
  ])
  await worker.end()
})

test.each(['native', 'wasm'] as const)(
  '%s: a run that wants more memory than there is fails, and the next one does not',
  async (runtime) => {
    const model = tinyOnnx({
      nodes: [{ op: 'ConstantOfShape', inputs: ['x'], outputs: ['y'] }],
      inputs: [{ name: 'x', datatype: 'INT64', shape: [1] }],
      outputs: [{ name: 'y', datatype: 'FP32', shape: [-1] }],
    })
    const worker = await load(model, { runtime })
    const ask = (size: bigint) => {
      const data = new BigInt64Array([size])
      return worker.run([{ name: 'x', datatype: 'INT64', shape: [1], data }], ['y'])
    }
    // 2^50 bytes are more than a process can address: no machine gives them.
    await expect(ask(2n ** 48n)).rejects.toMatchObject({ code: 'node/run-failed' })
    expect((await ask(2n)).outputs).toMatchObject([{ data: new Float32Array(2) }])
    await worker.end()
  },
)

test.each([
  ['a file that is no model', new Uint8Array([1, 2, 3])],
  ['an empty file', new Uint8Array(0)],
])('%s does not load', async (_, bytes) => {
  await expect(load(bytes, {})).rejects.toMatchObject({ code: 'node/model-load-failed' })
})

test('of a model that does not load nobody hears where this machine keeps it', async () => {
  const failure = await load(new Uint8Array([1, 2, 3]), { entryName: 'int8/model.onnx' }).catch(
    (thrown: Error) => thrown.message,
  )
  expect(failure).toMatch(/^model int8\/model.onnx did not load: \w/)
  expect(failure).not.toContain(folder)
  expect(failure).not.toContain('Load model from')
})

test('W1: what runs when the worker is ended fails', async () => {
  const worker = await load(addingModel(1), {})
  const data = new Float32Array(2)
  const run = worker.run([{ name: 'x', datatype: 'FP32', shape: [1, 2], data }], ['y'])
  await Promise.all([expect(run).rejects.toMatchObject({ code: 'node/worker-died' }), worker.end()])
  await expect(worker.run([], ['y'])).rejects.toMatchObject({ code: 'node/worker-died' })
})

test('W3: a worker that is ended in the middle of a native run ends alone', async () => {
  const model = tinyOnnx({
    nodes: [{ op: 'MatMul', inputs: ['x', 'x'], outputs: ['y'] }],
    inputs: [{ name: 'x', datatype: 'FP32', shape: [512, 512] }],
    outputs: [{ name: 'y', datatype: 'FP32', shape: [512, 512] }],
  })
  const path = join(folder, 'product.onnx')
  await writeFile(path, model)
  const url = new URL('../../dist/serving/model-worker.js', import.meta.url)
  const { status, stdout, stderr } = await runProgram(`
    import { ModelWorker } from ${JSON.stringify(url)}
    for (let i = 0; i < 10; i++) {
      const worker = await ModelWorker.load(${JSON.stringify({ ...optionsFor(path), runtime: 'native' })})
      const data = () => new Float32Array(512 * 512)
      const run = () => worker.run([{ name: 'x', datatype: 'FP32', shape: [512, 512], data: data() }], ['y'])
      const [first, second] = [run(), run()]
      await first // now the thread is in the second
      const [ended] = await Promise.allSettled([second, worker.end()])
      console.log(ended.reason.code)
    }`)
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  expect(stdout).toBe('node/worker-died\n'.repeat(10))
})

test.each([
  ['exits', 'process.exit(7)', 'exited with code 7'],
  ['throws', 'throw new Error("out of luck")', 'out of luck'],
])('W1: what runs when the worker %s fails with the reason', async (_, act, reason) => {
  const worker = await loadThread(act, 60_000)
  const runs = await Promise.allSettled([worker.run([], []), worker.run([], [])])
  const failed = { reason: { code: 'node/worker-died', message: expect.stringContaining(reason) } }
  expect(runs).toMatchObject([failed, failed])
  expect(await worker.died).toMatchObject(failed.reason)
})

test('W2: a worker that gives no sign of life is dead', async () => {
  const worker = await loadThread('while (true) {}', 5)
  await expect(worker.run([], [])).rejects.toMatchObject({ code: 'node/run-stuck' })
  expect(await worker.died).toMatchObject({ code: 'node/run-stuck' })
})

test.each([
  ['exits', 'process.exit(1)'],
  ['throws', 'throw new Error("no")'],
  ['stays silent', 'setInterval(() => {}, 1_000)'],
])('a thread that %s before it has loaded fails the load', async (_, script) => {
  const options = { ...optionsFor('none'), threadUrl: scriptUrl(script), loadMsMax: 500 }
  await expect(ModelWorker.load(options)).rejects.toMatchObject({ code: 'node/model-load-failed' })
})

async function load(model: Uint8Array, options: Partial<ModelWorkerOptions>): Promise<ModelWorker> {
  const path = join(folder, 'model.onnx')
  await writeFile(path, model)
  return await ModelWorker.load({ ...optionsFor(path), ...options })
}

/** In a process of its own: what is tried may end it. */
async function runProgram(program: string) {
  const child = spawn(process.execPath, ['--input-type=module'])
  child.stdin.end(program)
  const [stdout, stderr, [status]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ])
  return { status, stdout, stderr }
}

/** A worker that says it has loaded and does as told on the first run. */
function loadThread(act: string, runMsMax: number): Promise<ModelWorker> {
  const script = `
    import { parentPort } from 'node:worker_threads'
    parentPort.on('message', () => { ${act} })
    parentPort.postMessage({ kind: 'loaded', runtime: 'wasm', signature: { inputs: [], outputs: [] } })`
  return ModelWorker.load({ ...optionsFor('none'), threadUrl: scriptUrl(script), runMsMax })
}

function scriptUrl(script: string): URL {
  return new URL(`data:text/javascript,${encodeURIComponent(script)}`)
}

function optionsFor(entryPath: string): ModelWorkerOptions {
  const bounds = { loadMsMax: 60_000, runMsMax: 60_000 }
  return { entryPath, weightPaths: [], runtime: 'auto', threads: 1, ...bounds }
}
