import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ModelServer } from './model-server.ts'
import { OipServer } from './oip-server.ts'
import { RecentPredictions } from './recent-predictions.ts'
import { Telemetry } from './telemetry.ts'
import { addingModel, identityModel, lookupModel, tinyVariant } from './tiny-onnx.ts'

const telemetry = new Telemetry()
const models = new ModelServer({ telemetry, threads: 1 })
const bugs: unknown[] = []
const server = new OipServer({
  models,
  predictions: new RecentPredictions(telemetry),
  authorize: ({ headers }) => headers.authorization === 'Bearer key',
  version: '1.2.3',
  reportBug: (thrown) => bugs.push(thrown),
  host: '127.0.0.1',
  bodyBytesMax: 100_000,
})
let folder = ''
let url = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tutti-oip-'))
  url = `http://127.0.0.1:${await server.start(0)}`
  await serve('adder', addingModel(1))
  await serve('table', lookupModel([1, 2, 3]))
  await serve('halves', identityModel('FP16', [-1]))
  await serve('wide', identityModel('INT64', [-1]))
  await serve('texts', identityModel('BYTES', [-1]))
  await serve('numbers', identityModel('FP32', [-1]))
})
afterAll(async () => {
  await Promise.all([server.stop(), models.stop(), rm(folder, { recursive: true })])
  expect(bugs).toEqual([])
})

test('O1: nothing but /healthz is answered without credentials', async () => {
  expect(await (await fetch(`${url}/healthz`)).json()).toEqual({ ok: true })
  for (const path of [
    '/v2',
    '/v2/health/live',
    '/v2/models/adder',
    '/nowhere',
    '/v2/models/adder/infer',
  ]) {
    const answer = await fetch(`${url}${path}`, { method: path.endsWith('infer') ? 'POST' : 'GET' })
    expect(answer.status).toBe(401)
    expect(await answer.json()).toEqual({ error: expect.any(String) })
  }
})

test('a node says what it is and what it serves', async () => {
  expect(await get('/v2')).toMatchObject({ name: 'tutti', version: '1.2.3' })
  expect(await get('/v2/')).toMatchObject({ name: 'tutti' })
  expect(await get('/v2/health/live')).toEqual({ live: true })
  expect(await get('/v2/health/ready')).toEqual({ live: true, ready: true })
  expect(await get('/v2/models/adder/ready')).toEqual({ name: 'adder', ready: true })
  expect(await get('/v2/models/adder/versions/v1/ready')).toEqual({ name: 'adder', ready: true })
  expect(await get('/v2/models/adder')).toEqual({
    name: 'adder',
    versions: ['v1'],
    platform: 'onnx_onnxv1',
    inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 2] }],
    outputs: [{ name: 'y', datatype: 'FP32', shape: [-1, 2] }],
  })
  const index = await post('/v2/repository/index', '{"ready": true}')
  expect(await index.json()).toContainEqual({
    name: 'adder',
    version: 'v1',
    state: 'READY',
    reason: '',
  })
})

test('an inference in JSON, its id, its versions and its release', async () => {
  const answer = await infer(
    'adder',
    {
      id: '42',
      inputs: [
        rows([
          [1, 2],
          [3, 4],
        ]),
      ],
    },
    { 'x-request-id': 'r-1' },
  )
  expect(await answer.json()).toEqual({
    model_name: 'adder',
    model_version: 'v1',
    id: '42',
    outputs: [{ name: 'y', datatype: 'FP32', shape: [2, 2], data: [2, 3, 4, 5] }],
  })
  expect(answer.headers.get('x-request-id')).toBe('r-1')
  expect(answer.headers.get('x-tutti-release')).toBe('sha256:adder')
  expect(answer.headers.get('x-tutti-variant')).toBe('fp32')
  const stats = await get('/v2/models/adder/stats')
  expect(stats).toMatchObject({
    model_stats: [
      { name: 'adder', inference_count: 2, inference_stats: { success: { count: 1 } } },
    ],
  })
})

test('O2: a request id that is unfit for a header is replaced', async () => {
  const answer = await infer('adder', { inputs: [rows([[1, 2]])] }, { 'x-request-id': 'a b' })
  expect(answer.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/)
})

test('binary tensors in and out, BYTES and FP16 included', async () => {
  const floats = new Uint8Array(new Float32Array([1, 2]).buffer)
  const input = { name: 'x', datatype: 'FP32', shape: [1, 2], parameters: { binary_data_size: 8 } }
  const parameters = { binary_data_output: true }
  const sum = await inferBinary('adder', { inputs: [input], parameters }, floats)
  expect(sum.json).toMatchObject({ outputs: [{ name: 'y', parameters: { binary_data_size: 8 } }] })
  expect(sum.binary).toEqual(Buffer.from(new Float32Array([2, 3]).buffer))

  const texts = { name: 'x', datatype: 'BYTES', shape: [2], parameters: { binary_data_size: 11 } }
  const content = Buffer.from([3, 0, 0, 0, 0xe2, 0x9c, 0x93, 0, 0, 0, 0])
  const outputs = [{ name: 'y', parameters: { binary_data: true } }]
  expect((await inferBinary('texts', { inputs: [texts], outputs }, content)).binary).toEqual(
    content,
  )

  const half = { name: 'x', datatype: 'FP16', shape: [1], parameters: { binary_data_size: 2 } }
  const bits = Buffer.from([0x00, 0x3c])
  const one = await inferBinary('halves', { inputs: [half] }, bits)
  expect(one.json).toMatchObject({ outputs: [{ data: [1] }] })
})

test('what JSON cannot carry is refused in JSON and given in binary', async () => {
  const nan = new Uint8Array(new Float32Array([Number.NaN]).buffer)
  const input = { name: 'x', datatype: 'FP32', shape: [1], parameters: { binary_data_size: 4 } }
  const refused = await inferBinary('numbers', { inputs: [input] }, nan)
  expect(refused).toMatchObject({
    status: 400,
    json: { error: expect.stringContaining('binary_data') },
  })
  const outputs = [{ name: 'y', parameters: { binary_data: true } }]
  expect((await inferBinary('numbers', { inputs: [input], outputs }, nan)).binary.length).toBe(4)
  const wide = new Uint8Array(new BigInt64Array([2n ** 60n + 1n]).buffer)
  const long = { name: 'x', datatype: 'INT64', shape: [1], parameters: { binary_data_size: 8 } }
  expect((await inferBinary('wide', { inputs: [long] }, wide)).text).toContain(
    '1152921504606846977',
  )
})

const x = { name: 'x', datatype: 'FP32', shape: [1, 2], data: [1, 2] }
test.each([
  ['no inputs', {}, 'inputs: expected an array, got nothing'],
  ['no object', [], 'the request: expected an object, got an array'],
  ['an unknown input', { inputs: [{ ...x, name: 'z' }] }, "'z', the model takes: 'x'"],
  ['a missing input', { inputs: [] }, "input 'x' is missing"],
  ['an input twice', { inputs: [x, x] }, 'given twice'],
  ['another datatype', { inputs: [{ ...x, datatype: 'FP64' }] }, 'FP64, expected FP32'],
  ['no datatype', { inputs: [{ ...x, datatype: 'BF16' }] }, '"BF16", expected FP32'],
  ['another shape', { inputs: [{ ...x, shape: [1, 3] }] }, '[1,3], expected [-1,2]'],
  ['a negative shape', { inputs: [{ ...x, shape: [-1, 2] }] }, '[-1,2], expected [-1,2]'],
  ['a giant shape', { inputs: [{ ...x, shape: [1e15, 2] }] }, 'expected [-1,2]'],
  ['too many items', { inputs: [{ ...x, shape: [9, 2], data: Array(18).fill(0) }] }, 'at most 8'],
  ['too few elements', { inputs: [{ ...x, data: [1] }] }, 'expected 2 elements'],
  ['claimed elements', { inputs: [{ ...x, shape: [2 ** 30, 2] }] }, 'got 2'],
  ['an element that is none', { inputs: [{ ...x, data: [1, 'b'] }] }, 'element 1 is "b"'],
  ['an unknown output', { inputs: [x], outputs: [{ name: 'q' }] }, "'q', the model gives: 'y'"],
  ['an id that is none', { inputs: [x], id: 3 }, 'id: expected a string'],
  ['a timeout that is none', { inputs: [x], parameters: { timeout: -1 } }, 'parameters.timeout'],
  ['binary that is not there', { inputs: [{ ...x, parameters: { binary_data_size: 8 } }] }, 'data'],
])('O3: %s is the caller’s fault, by name', async (_, body, complaint) => {
  const answer = await infer('adder', body)
  expect(answer.status).toBe(400)
  expect(await answer.json()).toEqual({ error: expect.stringContaining(complaint) })
})

test('O3: the status says whose fault it is', async () => {
  expect((await infer('ader', { inputs: [x] })).status).toBe(404)
  expect(await (await infer('ader', {})).json()).toEqual({
    error: 'unknown model ader; is it adder?',
  })
  expect((await post('/v2/models/adder/versions/v9/infer', '{}')).status).toBe(404)
  expect((await post('/v2/models/adder/infer', '{')).status).toBe(400)
  expect((await post('/v2/models/adder/infer', ' '.repeat(100_001))).status).toBe(413)
  expect((await post('/v2/nowhere', '')).status).toBe(404)
  const wrongMethod = await post('/v2/models/adder', '')
  expect([wrongMethod.status, wrongMethod.headers.get('allow')]).toEqual([405, 'GET'])
  const zipped = await post('/v2/models/adder/infer', 'x', { 'content-encoding': 'gzip' })
  expect(zipped.status).toBe(415)
  const failed = await infer('table', {
    inputs: [{ name: 'x', datatype: 'INT64', shape: [1], data: [7] }],
  })
  expect(failed.status).toBe(500)
  expect(await failed.json()).toEqual({
    error: expect.stringContaining('model table v1 failed on this input'),
  })
  const early = { 'inference-header-content-length': '999' }
  expect((await post('/v2/models/adder/infer', '{}', early)).status).toBe(400)
})

test('a chunked body is bounded as well', async () => {
  const stream = new ReadableStream({
    start(controller) {
      for (let i = 0; i < 3; i++) controller.enqueue(new Uint8Array(50_000))
      controller.close()
    },
  })
  const headers = { authorization: 'Bearer key' }
  const init: RequestInit = { method: 'POST', body: stream, headers, duplex: 'half' }
  expect((await fetch(`${url}/v2/models/adder/infer`, init)).status).toBe(413)
})

test('a model that is staged only is not ready', async () => {
  const entryPath = join(folder, 'adder.onnx')
  const about = { version: 'v1', release: 'sha256:late', variant: tinyVariant(1), entryPath }
  await models.stage({ model: 'late', ...about })
  const answer = await infer('late', { inputs: [x] })
  expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '1'])
  const ready = await fetch(`${url}/v2/models/late/ready`, {
    headers: { authorization: 'Bearer key' },
  })
  expect(ready.status).toBe(503)
  expect(await get('/v2/health/ready')).toEqual({ live: true, ready: true }) // an install harms nobody
  await models.deactivate('late')
})

test('feedback finds the release that answered', async () => {
  telemetry.take()
  await infer(
    'table',
    { inputs: [{ name: 'x', datatype: 'INT64', shape: [2], data: [0, 2] }] },
    { 'x-request-id': 'f-1' },
  )
  const say = async (body: unknown) => {
    const answer = await post('/v2/feedback', JSON.stringify(body))
    const said: unknown = await answer.json()
    return { status: answer.status, said }
  }
  const first = { request_id: 'f-1', label: 'low' }
  expect(await say(first)).toEqual({ status: 200, said: { correct: true, counted: true } })
  expect(await say(first)).toEqual({ status: 200, said: { correct: true, counted: false } })
  expect(await say({ ...first, item: 1 })).toEqual({
    status: 200,
    said: { correct: false, counted: true },
  })
  expect(await say({ ...first, label: 'high' })).toMatchObject({ status: 409 })
  expect(await say({ ...first, request_id: 'f-2' })).toMatchObject({ status: 404 })
  expect(await say({ label: 'low' })).toMatchObject({ status: 400 })
  expect(telemetry.take()).toMatchObject([
    { model: 'table', release: 'sha256:table', requests: 1, correct: 1, incorrect: 1 },
  ])
})

test('hostile bytes get a 4xx and the node goes on', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.json(),
      fc.uint8Array({ maxLength: 40 }),
      fc.nat(60),
      async (text, bytes, at) => {
        const body = Buffer.concat([Buffer.from(text), bytes])
        const headers = { 'inference-header-content-length': String(at) }
        const answer = await post('/v2/models/adder/infer', body, headers)
        expect(answer.status).toBe(400)
        expect(await answer.json()).toEqual({ error: expect.any(String) })
      },
    ),
    { numRuns: 100 },
  )
  expect((await infer('adder', { inputs: [x] })).status).toBe(200)
})

test('a caller who hangs up halfway leaves nothing behind', async () => {
  const socket = net.connect(Number(new URL(url).port), '127.0.0.1')
  const head = 'POST /v2/models/adder/infer HTTP/1.1\r\nhost: x\r\nauthorization: Bearer key\r\n'
  await new Promise<void>((resolve) => {
    socket.write(`${head}content-length: 50\r\n\r\n{"inputs"`, () => resolve())
  })
  await new Promise((resolve) => socket.once('close', resolve).destroy())
  expect((await infer('adder', { inputs: [x] })).status).toBe(200)
})

test('a stop answers what is under way and keeps no connection alive', async () => {
  let stopped: Promise<void> | null = null
  const stopping: OipServer = new OipServer({
    ...{ models, predictions: new RecentPredictions(telemetry), version: '1', host: '127.0.0.1' },
    reportBug: (thrown) => bugs.push(thrown),
    authorize: () => {
      stopped = stopping.stop()
      return true
    },
  })
  const port = await stopping.start(0)
  const body = JSON.stringify({ inputs: [x] })
  const init = { method: 'POST', body }
  const answer = await fetch(`http://127.0.0.1:${port}/v2/models/adder/infer`, init)
  expect([answer.status, answer.headers.get('connection')]).toEqual([200, 'close'])
  await stopped
})

async function serve(model: string, bytes: Uint8Array): Promise<void> {
  const entryPath = join(folder, `${model}.onnx`)
  await writeFile(entryPath, bytes)
  await models.activate(
    await models.stage({
      ...{ model, version: 'v1', release: `sha256:${model}`, variant: tinyVariant(8), entryPath },
      prediction: { kind: 'threshold', output: 'y', threshold: 2, labels: ['low', 'high'] },
    }),
  )
}

function rows(data: number[][]) {
  return { name: 'x', datatype: 'FP32', shape: [data.length, 2], data }
}

async function get(path: string): Promise<unknown> {
  const answer = await fetch(`${url}${path}`, { headers: { authorization: 'Bearer key' } })
  expect(answer.status).toBe(200)
  return await answer.json()
}

function infer(model: string, body: unknown, headers: Record<string, string> = {}) {
  return post(`/v2/models/${model}/infer`, JSON.stringify(body), headers)
}

function post(path: string, body: string | Buffer, headers: Record<string, string> = {}) {
  const content = typeof body === 'string' ? body : new Uint8Array(body)
  const all = { authorization: 'Bearer key', ...headers }
  return fetch(`${url}${path}`, { method: 'POST', body: content, headers: all })
}

async function inferBinary(model: string, request: unknown, binary: Uint8Array) {
  const json = Buffer.from(JSON.stringify(request))
  const headers = { 'inference-header-content-length': String(json.byteLength) }
  const answer = await post(`/v2/models/${model}/infer`, Buffer.concat([json, binary]), headers)
  const body = Buffer.from(await answer.arrayBuffer())
  const header = answer.headers.get('inference-header-content-length')
  const jsonBytes = header === null ? body.byteLength : Number(header)
  const text = body.toString('utf8', 0, jsonBytes)
  return { status: answer.status, text, json: JSON.parse(text), binary: body.subarray(jsonBytes) }
}
