// Conformance: Open Inference Protocol v2, REST
//
// Walks the specification's endpoints (kserve/open-inference-protocol, inference_rest.md) on a node and through
// the gateway: paths, required members, datatypes, errors, and the binary tensor extension.

import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { deploy, startLocalFleet } from './local-fleet.ts'
import { tensor, writeModelFolder } from './model-folder.ts'
import { type Score, Scoring } from './score.ts'

export async function oip(data: string): Promise<Score> {
  const fleet = await startLocalFleet([{ name: 'n1' }])
  const scoring = new Scoring()
  try {
    const folder = join(fleet.folder, 'simple')
    mkdirSync(folder)
    const io = (name: string) => tensor(name, 'INT32', -1, 16)
    writeModelFolder(folder, { model: 'simple', version: 'v1' }, [
      {
        name: 'fp32',
        file: join(data, 'models/triton-simple/simple.onnx'),
        inputs: [io('INPUT0'), io('INPUT1')],
        outputs: [io('OUTPUT0'), io('OUTPUT1')],
      },
    ])
    await fleet.tutti('model', 'push', folder)
    await deploy(fleet, 'simple', 'simple:v1')
    const [node] = fleet.nodes
    const servers = [
      { name: 'gateway', url: fleet.gateway, key: fleet.key },
      { name: 'node', url: node?.url ?? '', key: node?.key ?? '' },
    ]
    for (const server of servers) await judgeServer(server, scoring)
    return scoring.score
  } finally {
    await fleet.stop()
  }
}

interface Server {
  readonly name: string
  readonly url: string
  readonly key: string
}

interface Reply {
  readonly status: number
  readonly type: string
  readonly headers: Headers
  readonly bytes: Buffer
  readonly body: Readonly<Record<string, unknown>>
}

async function call(server: Server, path: string, init: RequestInit = {}): Promise<Reply> {
  const headers = { authorization: `Bearer ${server.key}`, ...init.headers }
  const answer = await fetch(server.url + path, { ...init, headers })
  const bytes = Buffer.from(await answer.arrayBuffer())
  const type = answer.headers.get('content-type') ?? ''
  const body = type.startsWith('application/json') ? JSON.parse(bytes.toString('utf8')) : {}
  return { status: answer.status, type, headers: answer.headers, bytes, body }
}

const values = Array.from({ length: 16 }, (_, i) => i)
const inputs = ['INPUT0', 'INPUT1'].map((name) => ({
  ...{ name, datatype: 'INT32', shape: [1, 16], data: values },
}))

async function judgeServer(server: Server, scoring: Scoring): Promise<void> {
  const check = (holds: boolean, what: string) => scoring.check(holds, `${server.name}: ${what}`)
  await judgeHealth(server, check)
  await judgeInference(server, check)
  await judgeErrors(server, check)
  await judgeBinary(server, check)
}

type Check = (holds: boolean, what: string) => void

async function judgeHealth(server: Server, check: Check): Promise<void> {
  for (const path of [
    '/v2/health/live',
    '/v2/health/ready',
    '/v2/models/simple/ready',
    '/v2/models/simple/versions/v1/ready',
  ]) {
    const { status } = await call(server, path)
    check(status === 200, `GET ${path} answered ${status}, expected 200`)
  }
  const meta = await call(server, '/v2')
  check(
    typeof meta.body['name'] === 'string' && typeof meta.body['version'] === 'string',
    'server metadata: name, version',
  )
  check(Array.isArray(meta.body['extensions']), 'server metadata: extensions is a list')
  for (const path of ['/v2/models/simple', '/v2/models/simple/versions/v1']) {
    const { status, body } = await call(server, path)
    check(status === 200 && body['name'] === 'simple', `GET ${path}: name`)
    check(
      Array.isArray(body['versions']) && typeof body['platform'] === 'string',
      `GET ${path}: versions, platform`,
    )
    check(
      tensorsAre(body['inputs'], ['INPUT0', 'INPUT1']),
      `GET ${path}: inputs with name, datatype, shape`,
    )
    check(
      tensorsAre(body['outputs'], ['OUTPUT0', 'OUTPUT1']),
      `GET ${path}: outputs with name, datatype, shape`,
    )
  }
}

function tensorsAre(list: unknown, names: readonly string[]): boolean {
  if (!Array.isArray(list)) return false
  return names.every((name) =>
    list.some(
      (one) =>
        one.name === name && one.datatype === 'INT32' && JSON.stringify(one.shape) === '[-1,16]',
    ),
  )
}

function post(server: Server, body: unknown, path = '/v2/models/simple/infer'): Promise<Reply> {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  return call(server, path, {
    method: 'POST',
    body: text,
    headers: { 'content-type': 'application/json' },
  })
}

async function judgeInference(server: Server, check: Check): Promise<void> {
  const sum = JSON.stringify(values.map((value) => value * 2))
  for (const path of ['/v2/models/simple/infer', '/v2/models/simple/versions/v1/infer']) {
    const { status, body } = await post(server, { id: '42', inputs }, path)
    check(status === 200 && body['model_name'] === 'simple', `POST ${path}: model_name`)
    check(body['id'] === '42', `POST ${path}: id is the request's`)
    check(body['model_version'] === 'v1', `POST ${path}: model_version`)
    const output = outputOf(body, 'OUTPUT0')
    check(JSON.stringify(output?.['data']) === sum, `POST ${path}: OUTPUT0 is the sum`)
    check(
      JSON.stringify(output?.['shape']) === '[1,16]' && output?.['datatype'] === 'INT32',
      `POST ${path}: shape, datatype`,
    )
  }
  const one = await post(server, { inputs, outputs: [{ name: 'OUTPUT1' }] })
  check(
    outputOf(one.body, 'OUTPUT1') !== undefined && outputOf(one.body, 'OUTPUT0') === undefined,
    'only the outputs asked for',
  )
  const nested = await post(server, {
    inputs: inputs.map((input) => ({ ...input, data: [values] })),
  })
  check(nested.status === 200, 'nested data (row-major lists) is taken')
}

function outputOf(
  body: Readonly<Record<string, unknown>>,
  name: string,
): Readonly<Record<string, unknown>> | undefined {
  const { outputs } = body
  return Array.isArray(outputs) ? outputs.find((one) => one.name === name) : undefined
}

async function judgeErrors(server: Server, check: Check): Promise<void> {
  const wrong = [
    ['no JSON', '{'],
    ['no inputs', {}],
    ['an input missing', { inputs: inputs.slice(1) }],
    ['an unknown input', { inputs: [...inputs, { ...inputs[0], name: 'X' }] }],
    ['a wrong datatype', { inputs: inputs.map((input) => ({ ...input, datatype: 'FP32' })) }],
    ['a wrong shape', { inputs: inputs.map((input) => ({ ...input, shape: [1, 15] })) }],
    ['too few elements', { inputs: inputs.map((input) => ({ ...input, data: [1] })) }],
    ['an unknown output', { inputs, outputs: [{ name: 'X' }] }],
  ] as const
  for (const [what, body] of wrong) {
    const reply = await post(server, body)
    const isError = typeof reply.body['error'] === 'string' && reply.body['error'] !== ''
    check(
      reply.status === 400 && isError,
      `${what}: ${reply.status}, expected 400 with {"error": …}`,
    )
  }
  const unknown = await post(server, { inputs }, '/v2/models/nope/infer')
  check(
    unknown.status === 404 && typeof unknown.body['error'] === 'string',
    'an unknown model is 404 with error',
  )
}

/** Inputs and outputs as raw little-endian bytes behind the JSON header. */
async function judgeBinary(server: Server, check: Check): Promise<void> {
  const raw = Buffer.from(Int32Array.from(values).buffer)
  const parameters = { binary_data_size: raw.length }
  const header = JSON.stringify({
    inputs: inputs.map(({ data: _, ...input }) => ({ ...input, parameters })),
    parameters: { binary_data_output: true },
  })
  const reply = await call(server, '/v2/models/simple/infer', {
    method: 'POST',
    headers: {
      'content-type': 'application/octet-stream',
      'inference-header-content-length': String(Buffer.byteLength(header)),
    },
    body: new Uint8Array(Buffer.concat([Buffer.from(header), raw, raw])),
  })
  const length = Number(reply.headers.get('inference-header-content-length'))
  check(
    reply.status === 200 && length > 0,
    `binary tensors: ${reply.status}, header length ${length}`,
  )
  const outputs = reply.bytes.subarray(length)
  check(outputs.length === 2 * raw.length, `binary tensors: ${outputs.length} bytes of outputs`)
  if (outputs.length < raw.length) return
  const sums = values.map((_, i) => outputs.readInt32LE(i * 4))
  check(
    JSON.stringify(sums) === JSON.stringify(values.map((v) => v * 2)),
    'binary tensors: OUTPUT0 is the sum',
  )
}
