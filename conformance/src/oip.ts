// Conformance: Open Inference Protocol v2, REST
//
// On a node and through the gateway: every endpoint of the specification (kserve/open-inference-protocol) and the
// members that its schemas demand, every datatype there and back as JSON and as raw bytes (the binary tensor
// extension), and the forms of errors.

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Datatype, datatypeBytes } from '@tutti/core/fleet'
import { datatypes, encodeIdentityModel, inputNameOf, outputNameOf } from './identity-model.ts'
import { deploy, startLocalFleet } from './local-fleet.ts'
import { tensor, writeModelFolder } from './model-folder.ts'
import { OipSpec } from './oip-spec.ts'
import { type Score, Scoring } from './score.ts'

const identityLength = 4

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
    await fleet.tutti('model', 'push', writeIdentity(fleet.folder))
    await deploy(fleet, 'identity', 'identity:v1')
    const spec = new OipSpec(join(data, specification))
    const [node] = fleet.nodes
    const servers = [
      { name: 'gateway', url: fleet.gateway, key: fleet.key },
      { name: 'node', url: node?.url ?? '', key: node?.key ?? '' },
    ]
    for (const server of servers) await judgeServer(server, scoring, spec)
    return scoring.score
  } finally {
    await fleet.stop()
  }
}

export const specification = 'serving/specification/protocol/open_inference_rest.yaml'

function writeIdentity(parent: string): string {
  const folder = join(parent, 'identity')
  mkdirSync(folder)
  const file = join(parent, 'identity.onnx')
  writeFileSync(file, encodeIdentityModel(identityLength))
  return writeModelFolder(folder, { model: 'identity', version: 'v1' }, [
    {
      ...{ name: 'fp32', file },
      inputs: datatypes.map((type) => tensor(inputNameOf(type), type, identityLength)),
      outputs: datatypes.map((type) => tensor(outputNameOf(type), type, identityLength)),
    },
  ])
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

async function judgeServer(server: Server, scoring: Scoring, spec: OipSpec): Promise<void> {
  const check = (holds: boolean, what: string) => scoring.check(holds, `${server.name}: ${what}`)
  await judgeEndpoints(server, check, spec)
  await judgeHealth(server, check)
  await judgeInference(server, check)
  await judgeErrors(server, check)
  await judgeRefusals(server, check, spec)
  await judgeBinary(server, check)
  await judgeBrokenBinary(server, check)
  for (const type of datatypes) await judgeDatatype(server, check, type)
}

/** Every path and verb of the specification's own file, and the members that it demands. */
async function judgeEndpoints(server: Server, check: Check, spec: OipSpec): Promise<void> {
  for (const { method, path, schema } of spec.endpointsFor('simple', 'v1')) {
    const body = method === 'POST' ? JSON.stringify({ inputs }) : undefined
    const reply = await call(server, path, body === undefined ? { method } : { method, body })
    const complaints = schema === null ? [] : spec.complaints(schema, reply.body)
    const isWell = reply.status === 200 && complaints.length === 0
    check(isWell, `${method} ${path}: ${[reply.status, ...complaints].join('; ')}`)
  }
  // The specification's text gives members to the health answers that its OpenAPI file leaves open.
  const members = [
    ['/v2/health/live', 'live', true],
    ['/v2/health/ready', 'live', true],
    ['/v2/models/simple/ready', 'ready', true],
    ['/v2/models/simple/ready', 'name', 'simple'],
  ] as const
  for (const [path, name, value] of members) {
    const { body } = await call(server, path)
    check(body[name] === value, `GET ${path}: ${name} is ${String(body[name])}, expected ${value}`)
  }
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

/** What asks for nothing that is there is refused in the specification's form. */
async function judgeRefusals(server: Server, check: Check, spec: OipSpec): Promise<void> {
  const [first] = inputs
  const without = (name: string) =>
    Object.fromEntries(Object.entries(first ?? {}).filter(([key]) => key !== name))
  const bad = ['name', 'shape', 'datatype', 'data'].map((name) => ({
    ...{ what: `an input without ${name}`, path: '/v2/models/simple/infer', statuses: [400] },
    body: JSON.stringify({ inputs: [without(name), inputs[1]] }),
  }))
  const absent = [
    { what: 'metadata of an unknown model', path: '/v2/models/nope' },
    { what: 'readiness of an unknown model', path: '/v2/models/nope/ready' },
    { what: 'metadata of an unknown version', path: '/v2/models/simple/versions/v9' },
    { what: 'readiness of an unknown version', path: '/v2/models/simple/versions/v9/ready' },
    { what: 'an unknown path', path: '/v2/nope' },
  ].map((one) => ({ ...one, statuses: [400, 404], body: undefined }))
  const versionless = {
    ...{ what: 'inference by an unknown version', path: '/v2/models/simple/versions/v9/infer' },
    ...{ statuses: [400, 404], body: JSON.stringify({ inputs }) },
  }
  const wrongVerb = {
    ...{ what: 'inference by GET', path: '/v2/models/simple/infer' },
    ...{ statuses: [405], body: undefined },
  }
  for (const { what, path, statuses, body } of [...bad, ...absent, versionless, wrongVerb]) {
    const reply = await call(server, path, body === undefined ? {} : { method: 'POST', body })
    const complaints = spec.complaints('metadata_model_error_response', reply.body)
    const isWell = statuses.includes(reply.status) && complaints.length === 0
    check(isWell, `${what}: ${[reply.status, ...complaints].join('; ')}, expected ${statuses}`)
  }
}

/** What goes in comes out, as JSON and as raw bytes. */
async function judgeDatatype(server: Server, check: Check, type: Datatype): Promise<void> {
  const shape = [identityLength]
  const data = jsonOf(type)
  const asked = { outputs: [{ name: outputNameOf(type) }] }
  const every = (one: Datatype) => ({
    ...{ name: inputNameOf(one), datatype: one, shape, data: jsonOf(one) },
  })
  const body = JSON.stringify({ inputs: datatypes.map(every), ...asked })
  const path = '/v2/models/identity/infer'
  const reply = await call(server, path, { method: 'POST', body })
  const output = outputOf(reply.body, outputNameOf(type))
  const isSame = JSON.stringify(output?.['data']) === JSON.stringify(data)
  check(isSame && output?.['datatype'] === type, `${type} as JSON: ${JSON.stringify(output)}`)

  const raw = rawOf(type)
  const inputs = datatypes.map((one) => {
    if (one !== type) return every(one)
    const { data: _, ...head } = every(one)
    return { ...head, parameters: { binary_data_size: raw.length } }
  })
  const outputs = [{ name: outputNameOf(type), parameters: { binary_data: true } }]
  const answer = await callBinary(server, path, { header: { inputs, outputs }, raw })
  check(answer.raw.equals(raw), `${type} as bytes: ${answer.status}, ${answer.raw.toString('hex')}`)
}

function jsonOf(type: Datatype): readonly (number | string | boolean)[] {
  if (type === 'BOOL') return [true, false, false, true]
  if (type === 'BYTES') return ['', 'tutti', 'ü €', '{"a":[1]}']
  if (type.startsWith('FP')) return [0, -1.5, 0.25, 1024]
  return type.startsWith('UINT') ? [0, 1, 127, 255] : [0, 1, -128, 127]
}

/** Bytes that differ from the JSON's: for 64 bits, integers that a JSON number cannot hold. */
function rawOf(type: Datatype): Buffer {
  if (type === 'BOOL') return Buffer.from([1, 1, 0, 1])
  if (type === 'BYTES') {
    const texts = ['a', '', 'tutti', 'ü €'].map((text) => Buffer.from(text))
    return Buffer.concat(texts.flatMap((text) => [lengthOf(text), text]))
  }
  const bytes = Array.from({ length: identityLength * datatypeBytes[type] }, (_, i) => i * 7 + 1)
  return Buffer.from(bytes)
}

function lengthOf(text: Buffer): Buffer {
  const length = Buffer.alloc(4)
  length.writeUInt32LE(text.length)
  return length
}

async function callBinary(
  server: Server,
  path: string,
  { header, raw }: { readonly header: object; readonly raw: Buffer },
): Promise<Reply & { readonly raw: Buffer }> {
  const json = Buffer.from(JSON.stringify(header))
  const reply = await call(server, path, {
    method: 'POST',
    headers: {
      'content-type': 'application/octet-stream',
      'inference-header-content-length': String(json.length),
    },
    body: new Uint8Array(Buffer.concat([json, raw])),
  })
  const length = Number(reply.headers.get('inference-header-content-length') ?? reply.bytes.length)
  return { ...reply, raw: reply.bytes.subarray(length) }
}

/** Bytes that do not add up are the caller's fault and harm nobody. */
async function judgeBrokenBinary(server: Server, check: Check): Promise<void> {
  const path = '/v2/models/simple/infer'
  const raw = Buffer.from(Int32Array.from(values).buffer)
  const sized = (size: unknown) => ({
    inputs: inputs.map(({ data: _, ...input }) => ({
      ...input,
      parameters: { binary_data_size: size },
    })),
  })
  const broken = [
    ['too few bytes', sized(raw.length), raw],
    ['too many bytes', sized(raw.length), Buffer.concat([raw, raw, raw])],
    ['a size that is not the shape', sized(raw.length - 4), Buffer.concat([raw, raw])],
    ['a size that is no number', sized('64'), Buffer.concat([raw, raw])],
    ['a negative size', sized(-1), Buffer.concat([raw, raw])],
  ] as const
  for (const [what, header, bytes] of broken) {
    const { status, body } = await callBinary(server, path, { header, raw: bytes })
    check(status === 400 && typeof body['error'] === 'string', `binary, ${what}: ${status}`)
  }
  const nulText = String.fromCharCode(0)
  const strings = datatypes.map((one) => ({
    ...{ name: inputNameOf(one), datatype: one, shape: [identityLength] },
    data: one === 'BYTES' ? [`a${nulText}b`, '', '', ''] : jsonOf(one),
  }))
  const nul = await post(server, { inputs: strings }, '/v2/models/identity/infer')
  const whole = JSON.stringify(outputOf(nul.body, outputNameOf('BYTES'))?.['data'] ?? null)
  const isKept = nul.status === 200 && whole === JSON.stringify([`a${nulText}b`, '', '', ''])
  check(isKept || nul.status === 400, `a NUL in a string came back as ${whole}`)
  const reply = await call(server, path, {
    method: 'POST',
    headers: { 'inference-header-content-length': '999999' },
    body: JSON.stringify({ inputs }),
  })
  check(reply.status === 400, `a header length beyond the body: ${reply.status}, expected 400`)
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
