// Plane client
//
// The few calls that benches make to a control plane.

import { createHash, createPublicKey, generateKeyPairSync } from 'node:crypto'
import { encodeOnnx, type OnnxGraph } from '@tutti/examples/models'
import { signModel } from '@tutti/ledger'
import { request } from 'undici'

const publisher = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
/** The key that every model of these benches is signed with. */
export const publisherPem = createPublicKey(publisher)
  .export({ type: 'spki', format: 'pem' })
  .toString()

export class PlaneClient {
  readonly url: string
  readonly #key: string

  constructor(url: string, key: string) {
    this.url = url
    this.#key = key
  }

  /** Throws where the answer is not a success. */
  async call(method: 'GET' | 'POST' | 'PUT', path: string, body?: unknown): Promise<unknown> {
    const isBytes = body instanceof Buffer
    const ask = () =>
      request(`${this.url}/api/v1${path}`, {
        method,
        headers: { authorization: `Bearer ${this.#key}` },
        ...(body === undefined ? {} : { body: isBytes ? body : JSON.stringify(body) }),
      })
    // An idle connection may be closed by the server in the moment in which it is used again.
    const again = (error: NodeJS.ErrnoException) => {
      if (method === 'GET' && error.code === 'ECONNRESET') return ask()
      throw error
    }
    const { statusCode, body: answer } = await ask().catch(again)
    const text = await answer.text()
    if (statusCode < 300) return text === '' ? null : JSON.parse(text)
    throw new Error(`${method} ${path}: ${statusCode} ${text.slice(0, 500)}`)
  }

  async apply(kind: string, name: string, spec: unknown): Promise<void> {
    const document = { apiVersion: 'tutti/v1', kind, metadata: { name }, spec }
    await this.call('PUT', `/${kind.toLowerCase()}s/${encodeURIComponent(name)}`, document)
  }

  /** Pushes a model of one small file that nobody will run. */
  async pushModel(model: string, version: string): Promise<void> {
    const bytes = Buffer.from(`model ${model} ${version}`)
    const file = { path: 'model.onnx', ...(await this.#upload(bytes)) }
    const head = { name: 'fp32', format: 'onnx', precision: 'fp32' }
    const variant = { ...head, files: [file], inputs: [], outputs: [] }
    const bundle = Buffer.from(signModel(model, [file], publisher))
    const signature = await this.#upload(bundle)
    const spec = { model, version, task: 'bench', variants: [variant], signature }
    await this.apply('Model', `${model}:${version}`, spec)
  }

  /** Pushes a model that nodes do run: an identity, beside `weights` that nobody reads. */
  async pushHeavyModel(model: string, version: string, weights: Buffer): Promise<void> {
    const graph: OnnxGraph = {
      ...{ name: model, constants: [], nodes: [{ op: 'Identity', inputs: ['x'], outputs: ['y'] }] },
      inputs: [{ name: 'x', shape: ['N', 1] }],
      outputs: [{ name: 'y', shape: ['N', 1] }],
    }
    const onnx = Buffer.from(encodeOnnx(graph))
    const files = [
      { path: 'model.onnx', ...(await this.#upload(onnx)) },
      { path: 'weights.bin', ...(await this.#upload(weights)) },
    ]
    const tensor = (name: string) => ({ name, datatype: 'FP32', shape: [-1, 1] })
    const variant = {
      ...{ name: 'fp32', format: 'onnx', precision: 'fp32', files },
      ...{ inputs: [tensor('x')], outputs: [tensor('y')] },
    }
    const signature = await this.#upload(Buffer.from(signModel(model, files, publisher)))
    const spec = { model, version, task: 'bench', variants: [variant], signature }
    await this.apply('Model', `${model}:${version}`, spec)
  }

  async #upload(bytes: Buffer): Promise<{ digest: string; sizeBytes: number }> {
    const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`
    await this.call('PUT', `/blobs/${digest}`, bytes)
    return { digest, sizeBytes: bytes.length }
  }
}
