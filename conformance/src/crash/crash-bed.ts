// Crash bed
//
// A control plane and nodes as processes of the command line, any of which can be told to die at a point that
// it finds itself (`kill-hook.ts`). It ends what it started, by pid, and removes its folder.

import { type ChildProcess, spawn } from 'node:child_process'
import { createHash, createPrivateKey, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { encodeOnnx } from '@tutti/examples/models'
import { signModel } from '@tutti/ledger'

const require = createRequire(import.meta.url)
const tutti = join(dirname(require.resolve('tutti/package.json')), 'dist/main.js')
const hook = fileURLToPath(
  new URL('./kill-hook.js', import.meta.url).href.replace('/src/', '/dist/'),
)
const startMsMax = 120_000
const heartbeatMs = 500

/** A process that can be killed where it stands. */
export class Victim {
  readonly name: string
  readonly #folder: string
  readonly #args: () => readonly string[]
  #child: ChildProcess | null = null
  #ended: Promise<unknown> = Promise.resolve()
  #address = ''
  #runs = 0
  #said = ''

  constructor(name: string, folder: string, args: () => readonly string[]) {
    this.name = name
    this.#folder = folder
    this.#args = args
    mkdirSync(folder, { recursive: true })
  }

  get isUp(): boolean {
    return this.#child !== null && this.#child.exitCode === null && this.#child.signalCode === null
  }

  /** The last one died of a point, and not of itself. */
  get wasKilled(): boolean {
    return this.#child?.signalCode === 'SIGKILL'
  }

  /** What it printed since it was started last. */
  get said(): string {
    return this.#said
  }

  /** Starts it; gives where it answers. */
  async start(): Promise<string> {
    const child = spawn(
      process.execPath,
      ['--import', pathToFileURL(hook).href, tutti, ...this.#args()],
      {
        stdio: ['ignore', 'pipe', 'pipe'],
        env: { ...process.env, TUTTI_KILL_FOLDER: this.#folder },
      },
    )
    this.#child = child
    this.#ended = once(child, 'exit')
    this.#said = ''
    return await new Promise((resolve, reject) => {
      const fail = (what: string) => reject(new Error(`${this.name} ${what}: ${this.#said}`))
      const timer = setTimeout(() => fail('does not start'), startMsMax)
      child.once('exit', (code) => {
        clearTimeout(timer)
        fail(`ended with ${code}`)
      })
      const take = (chunk: Buffer) => {
        this.#said = (this.#said + String(chunk)).slice(-100_000)
        const match = /answers at (\S+)/.exec(this.#said)
        if (match === null) return
        clearTimeout(timer)
        this.#address = match[1] ?? ''
        resolve(this.#address)
      }
      child.stdout.on('data', take)
      child.stderr.on('data', take)
    })
  }

  /**
   * From now on it dies at its n-th point, or at the first of a name; the points that it passes
   * are listed anew.
   */
  arm(at: number | string): void {
    rmSync(join(this.#folder, 'seen'), { force: true })
    this.#runs += 1
    const run = `${process.pid}-${this.#runs}`
    writeFileSync(join(this.#folder, 'armed'), JSON.stringify({ run, at }))
  }

  /**
   * After this it is dead, or no point kills it: what it answers now, it read after the last armed
   * one.
   */
  async disarm(): Promise<void> {
    rmSync(join(this.#folder, 'armed'), { force: true })
    const answer = await fetch(this.#address).catch(() => null) // it is dying
    await answer?.arrayBuffer()
    if (answer === null) await this.#ended
  }

  /** Points that were passed since it was armed. */
  get points(): readonly string[] {
    const path = join(this.#folder, 'seen')
    return existsSync(path) ? readFileSync(path, 'utf8').trim().split('\n') : []
  }

  async stop(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    if (this.isUp) this.#child?.kill(signal)
    await this.#ended
  }
}

export interface CrashBed {
  readonly plane: Victim
  readonly nodes: readonly {
    readonly victim: Victim
    readonly url: () => string
    readonly key: string
  }[]
  readonly call: (method: string, path: string, body?: unknown) => Promise<unknown>
  /** Starts the plane, or a node, where it was. */
  readonly startPlane: () => Promise<void>
  readonly startNode: (index: number) => Promise<void>
  /** Pushes a new version of the model, of new bytes. */
  readonly push: (version: string) => Promise<void>
  readonly tutti: (...args: readonly string[]) => Promise<string>
  readonly stop: () => Promise<void>
}

export async function openCrashBed(nodeCount: number): Promise<CrashBed> {
  const folder = mkdtempSync(join(tmpdir(), 'tutti-crash-'))
  const home = join(folder, 'home')
  let port = '0'
  const beat = ['--heartbeat-ms', String(heartbeatMs), '--log-level', 'warn']
  const plane = new Victim('control-plane', join(folder, 'kill-plane'), () => [
    ...['control-plane', '--home', home, '--port', port, ...beat],
  ])
  const nodes: { victim: Victim; address: string; url: () => string; key: string }[] = []
  const stop = async () => {
    for (const { victim } of nodes) await victim.stop('SIGKILL')
    await plane.stop()
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    const url = await plane.start()
    port = new URL(url).port
    const { admin } = JSON.parse(readFileSync(join(home, 'credentials.json'), 'utf8'))
    const call = openCall(url, admin)
    for (let i = 0; i < nodeCount; i++) {
      nodes.push(await joinNode({ folder, home, name: `n${i}` }, call))
    }
    return {
      ...{ plane, nodes, call, stop },
      startPlane: async () => void (await plane.start()),
      startNode: async (index) => {
        const node = nodes[index]
        if (node !== undefined) node.address = await node.victim.start()
      },
      push: (version) => pushVersion(home, call, version),
      tutti: (...args) => runTutti([...args, '--home', home]),
    }
  } catch (error) {
    await stop()
    throw error
  }
}

async function joinNode(
  at: { readonly folder: string; readonly home: string; readonly name: string },
  call: CrashBed['call'],
) {
  const { token } = (await call('POST', '/tokens', {})) as { token: string }
  const data = join(at.folder, at.name)
  const place = ['--home', at.home, '--data', data, '--threads', '1']
  const isIn = () => existsSync(join(data, 'identity.json'))
  const args = () =>
    isIn() ? ['node', ...place] : ['join', ...place, '--name', at.name, '--token', token]
  const victim = new Victim(at.name, join(at.folder, `kill-${at.name}`), args)
  const address = await victim.start()
  const { localKey } = JSON.parse(readFileSync(join(data, 'identity.json'), 'utf8'))
  const node = { victim, address, url: () => node.address, key: String(localKey) }
  return node
}

function openCall(url: string, key: string): CrashBed['call'] {
  return async (method, path, body) => {
    const isBytes = body instanceof Buffer
    const answer = await fetch(`${url}/api/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${key}` },
      ...(body === undefined
        ? {}
        : { body: isBytes ? new Uint8Array(body) : JSON.stringify(body) }),
    })
    const text = await answer.text()
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text.slice(0, 500)}`)
    return text === '' ? null : JSON.parse(text)
  }
}

/** A model whose weights are others for every version, so that every rollout fetches. */
async function pushVersion(home: string, call: CrashBed['call'], version: string): Promise<void> {
  const key = createPrivateKey(readFileSync(join(home, 'publisher.pem'), 'utf8'))
  const onnx = encodeOnnx({
    ...{ name: 'crash', constants: [], nodes: [{ op: 'Identity', inputs: ['x'], outputs: ['y'] }] },
    inputs: [{ name: 'x', shape: ['N', 1] }],
    outputs: [{ name: 'y', shape: ['N', 1] }],
  })
  const upload = async (bytes: Buffer) => {
    const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`
    await call('PUT', `/blobs/${digest}`, bytes)
    return { digest, sizeBytes: bytes.length }
  }
  const files = [
    { path: 'model.onnx', ...(await upload(Buffer.from(onnx))) },
    { path: 'weights.bin', ...(await upload(randomBytes(300_000))) },
  ]
  const tensor = (name: string) => ({ name, datatype: 'FP32', shape: [-1, 1] })
  const head = { name: 'fp32', format: 'onnx', precision: 'fp32', files }
  const variant = { ...head, inputs: [tensor('x')], outputs: [tensor('y')] }
  const signature = await upload(Buffer.from(signModel('crash', files, key)))
  const spec = { model: 'crash', version, task: 'crash', variants: [variant], signature }
  const document = {
    apiVersion: 'tutti/v1',
    kind: 'Model',
    metadata: { name: `crash:${version}` },
    spec,
  }
  await call('PUT', `/models/${encodeURIComponent(`crash:${version}`)}`, document)
}

async function runTutti(args: readonly string[]): Promise<string> {
  const child = spawn(process.execPath, [tutti, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      said += String(chunk)
    })
  }
  await once(child, 'close')
  return said
}
