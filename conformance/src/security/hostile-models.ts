// Hostile models
//
// Paths that lead out of their folder (zip-slip), formats that run code when they are loaded (pickle), files
// that are not what they say, and an ONNX file that points at somebody else's file.

import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { infer, type LocalFleet } from '../local-fleet.ts'
import { field, integer } from '../protobuf.ts'
import { type Attack, ask, bearer } from './attack.ts'

const paths = ['../x', '/etc/passwd', 'a/../../x', '..', '.', './x', 'a//b', 'a\\..\\x', 'a/', '']
const hostilePaths = [...paths, '..%2fx', 'a\u0000b', '~/x', 'C:\\x', 'a/./b', '\u202ex']
const formats = ['pickle', 'pkl', 'pt', 'pth', 'bin', 'h5', 'keras', 'joblib', 'torchscript', 'py']

export async function tryHostileModels(attack: Attack): Promise<void> {
  await tryPathsAndFormats(attack)
  await tryDigests(attack)
  await tryPickle(attack)
  await tryOutsideWeights(attack)
  const answer = await inferParts(attack.fleet)
  attack.scoring.check(answer === 200, `after the hostile models, a good one answers ${answer}`)
}

async function tryPathsAndFormats({ fleet, scoring }: Attack): Promise<void> {
  const digest = await uploadText(fleet, 'weights')
  const file = { path: 'model.onnx', digest, sizeBytes: 7 }
  const variant = { name: 'v', format: 'onnx', precision: 'fp32', inputs: [], outputs: [] }
  const put = async (change: object) => {
    const spec = { model: 'm', version: 'v1', task: 't', variants: [{ ...variant, ...change }] }
    return (await applyModel(fleet, spec)).status
  }
  for (const path of hostilePaths) {
    const status = await put({ files: [{ ...file, path }] })
    scoring.check(status === 422, `a model file at ${JSON.stringify(path)}: ${status}`)
  }
  for (const format of formats) {
    const status = await put({ format, files: [file] })
    scoring.check(status === 422, `a model of format ${format}: ${status}`)
  }
  const grown = await put({ files: [{ ...file, sizeBytes: 2 ** 40 }] })
  scoring.check(grown === 422, `a file that claims a terabyte: ${grown}`)
}

/** Names of blobs that would leave the folder, and bytes that are not what they are named. */
async function tryDigests({ fleet, scoring }: Attack): Promise<void> {
  const headers = bearer(fleet.key)
  const zeros = '0'.repeat(64)
  const up = '..%2f..%2f..%2f..%2fetc%2fpasswd'
  for (const name of [
    up,
    `sha256:${up}`,
    `sha256:${'../'.repeat(21)}x`,
    'sha256:',
    `md5:${zeros}`,
  ]) {
    for (const method of ['GET', 'PUT']) {
      const body = method === 'PUT' ? { body: 'x' } : {}
      const answer = await ask(`${fleet.url}/api/v1/blobs/${name}`, { method, headers, ...body })
      const isRefused =
        answer.status >= 400 && answer.status < 500 && !answer.body.includes('root:')
      scoring.check(isRefused, `${method} of a blob named ${name}: ${answer.status}`)
    }
  }
  const url = `${fleet.url}/api/v1/blobs/sha256:${zeros}`
  const put = await ask(url, { method: 'PUT', headers, body: 'other bytes' })
  const got = await ask(url, { headers })
  const said = `${put.status}, then ${got.status}`
  scoring.check(put.status === 409 && got.status === 404, `bytes under another digest: ${said}`)
}

/** Python's pickle runs what it is told to when it is loaded. */
async function tryPickle(attack: Attack): Promise<void> {
  const { fleet, scoring } = attack
  const marker = join(fleet.folder, 'pickle-ran')
  const bytes = Buffer.from(`cos\nsystem\n(S'touch ${marker}'\ntR.`)
  const end = await deployBytes(fleet, 'pickled', bytes)
  scoring.check(end === 'refused', `a pickle named .onnx: ${end}`)
  scoring.check(!existsSync(marker), 'a pickle was run')
}

/** y = x + amount, where the amount is said to lie in a file outside the model. */
async function tryOutsideWeights(attack: Attack): Promise<void> {
  const { fleet, scoring } = attack
  const secret = 41.25
  const outside = join(fleet.folder, 'outside.bin')
  writeFileSync(outside, Buffer.from(Float32Array.of(secret).buffer))
  const [node] = fleet.nodes
  const from = join(fleet.folder, node?.name ?? '', 'blobs', 'x'.repeat(64))
  for (const [name, location] of [
    ['absolute', outside],
    ['climbing', relative(from, outside)],
  ] as const) {
    const end = await deployBytes(fleet, name, addingOutside(location))
    let leaked = false
    if (end === 'serves') {
      const inputs = [{ name: 'x', datatype: 'FP32', shape: [1], data: [0] }]
      const { outputs } = await infer(fleet, name, { inputs })
      leaked = outputs.some(({ data }) => data.includes(secret))
    }
    scoring.check(!leaked, `a model read a file outside its folder (${name})`)
  }
}

function addingOutside(location: string): Buffer {
  const text = (number: number, value: string) => field(number, Buffer.from(value))
  const entry = Buffer.concat([text(1, 'location'), text(2, location)])
  const amount = Buffer.concat([
    ...[integer(1, 1), integer(2, 1), text(8, 'amount'), field(13, entry), integer(14, 1)],
  ])
  const node = Buffer.concat([text(1, 'x'), text(1, 'amount'), text(2, 'y'), text(4, 'Add')])
  const shape = field(1, integer(1, 1))
  const tensor = field(2, field(1, Buffer.concat([integer(1, 1), field(2, shape)])))
  const value = (number: number, name: string) =>
    field(number, Buffer.concat([text(1, name), tensor]))
  const graph = Buffer.concat([
    ...[field(1, node), text(2, 'g'), field(5, amount), value(11, 'x'), value(12, 'y')],
  ])
  const opset = Buffer.concat([field(1, Buffer.alloc(0)), integer(2, 13)])
  return Buffer.concat([integer(1, 8), field(7, graph), field(8, opset)])
}

/** Pushes one file as a model and deploys it; what became of it. */
async function deployBytes(
  fleet: LocalFleet,
  model: string,
  bytes: Buffer,
): Promise<'serves' | 'refused'> {
  const folder = join(fleet.folder, model)
  mkdirSync(folder)
  writeFileSync(join(folder, 'model.onnx'), bytes)
  const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`
  const files = [{ path: 'model.onnx', digest, sizeBytes: bytes.length }]
  const variant = { name: 'v', format: 'onnx', precision: 'fp32', files, inputs: [], outputs: [] }
  const spec = { model, version: 'v1', task: 't', variants: [variant] }
  writeFileSync(join(folder, 'model.json'), JSON.stringify(spec))
  await fleet.tutti('model', 'push', folder)
  const path = join(fleet.folder, `${model}.json`)
  const strategy = { soakMs: 0, canary: { perStratum: 1 } }
  const document = { apiVersion: 'tutti/v1', kind: 'Deployment', metadata: { name: model } }
  writeFileSync(path, JSON.stringify({ ...document, spec: { model: `${model}:v1`, strategy } }))
  await fleet.tutti('apply', '-f', path)
  for (;;) {
    const { status } = await fleet.client.get({ kind: 'deployments', name: model })
    const said = JSON.stringify(status['state'])
    if (said.includes('"done"')) return 'serves'
    if (said.includes('"reverted"')) return 'refused'
  }
}

async function uploadText(fleet: LocalFleet, text: string): Promise<string> {
  const digest = `sha256:${createHash('sha256').update(text).digest('hex')}`
  const url = `${fleet.url}/api/v1/blobs/${digest}`
  await ask(url, { method: 'PUT', headers: bearer(fleet.key), body: text })
  return digest
}

async function applyModel(fleet: LocalFleet, spec: object) {
  const document = { apiVersion: 'tutti/v1', kind: 'Model', metadata: { name: 'm:v1' }, spec }
  const url = `${fleet.url}/api/v1/models/m:v1?dryRun=true`
  const body = JSON.stringify(document)
  return await ask(url, { method: 'PUT', headers: bearer(fleet.key), body })
}

/** The status with which the good model of the fleet answers. */
export async function inferParts(fleet: LocalFleet): Promise<number> {
  const data = Array(24 * 24).fill(0.5)
  const inputs = [{ name: 'image', datatype: 'FP32', shape: [1, 1, 24, 24], data }]
  return (await infer(fleet, 'parts', { inputs })).status
}
