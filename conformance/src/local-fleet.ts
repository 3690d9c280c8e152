// Local fleet
//
// A real control plane, gateway and nodes on loopback, as processes of the command line, for one judge's run.
// It ends what it started, by pid, and removes its folder.

import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { Client } from '@tutti/sdk'

const require = createRequire(import.meta.url)
const tutti = join(dirname(require.resolve('tutti/package.json')), 'dist/main.js')

export interface LocalNode {
  readonly name: string
  readonly memoryMiB?: number
}

export interface LocalFleet {
  readonly folder: string
  readonly gateway: string
  readonly key: string
  readonly client: Client
  readonly nodes: readonly { readonly name: string; readonly url: string; readonly key: string }[]
  /** Runs `tutti ARGS`; throws what it said where it failed. */
  readonly tutti: (...args: readonly string[]) => Promise<string>
  readonly stop: () => Promise<void>
}

export async function startLocalFleet(nodes: readonly LocalNode[]): Promise<LocalFleet> {
  const folder = mkdtempSync(join(tmpdir(), 'tutti-conformance-'))
  const home = join(folder, 'home')
  const children: ChildProcess[] = []
  const ports = ['--port', '0', '--gateway-port', '0']
  const up = await startReady(['up', '--home', home, '--no-node', '--json', ...ports], /startedMs/)
  children.push(up.child)
  const context = parse(readFileSync(join(home, 'context.json'), 'utf8'))
  const url = textIn(context, 'url')
  const key = textIn(context, 'key')
  const client = new Client({ url, key })
  const running = []
  for (const { name, memoryMiB } of nodes) {
    const { token } = await client.makeToken({})
    const data = join(folder, name)
    const memory = memoryMiB === undefined ? [] : ['--memory', String(memoryMiB)]
    const args = [
      'join',
      '--home',
      home,
      '--data',
      data,
      '--name',
      name,
      '--token',
      token,
      ...memory,
    ]
    const node = await startReady([...args, '--threads', '1'], /node answers at (\S+)/)
    children.push(node.child)
    const identity = parse(readFileSync(join(data, 'identity.json'), 'utf8'))
    running.push({ name, url: node.match[1] ?? '', key: textIn(identity, 'localKey') })
  }
  return {
    ...{ folder, key, client, nodes: running },
    gateway: textIn(context, 'gateway'),
    tutti: (...args) => runTutti([...args, '--home', home]),
    stop: async () => {
      await Promise.all(children.map(stopChild))
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** Deploys a model and waits for the end of its rollout, which must be `done`. */
export async function deploy(fleet: LocalFleet, name: string, model: string): Promise<void> {
  const path = join(fleet.folder, `${name}.json`)
  const spec = { model, strategy: { soakMs: 0, canary: { perStratum: 1 } } }
  writeFileSync(
    path,
    JSON.stringify({ apiVersion: 'tutti/v1', kind: 'Deployment', metadata: { name }, spec }),
  )
  await fleet.tutti('apply', '-f', path)
  await fleet.tutti('rollout', 'status', name, '--watch')
}

export interface InferAnswer {
  readonly status: number
  readonly variant: string
  readonly version: string
  readonly outputs: readonly { readonly name: string; readonly data: readonly unknown[] }[]
}

/** Asks a model through the gateway. */
export async function infer(fleet: LocalFleet, model: string, body: object): Promise<InferAnswer> {
  const answer = await fetch(`${fleet.gateway}/v2/models/${model}/infer`, {
    method: 'POST',
    headers: { authorization: `Bearer ${fleet.key}` },
    body: JSON.stringify(body),
  })
  const parsed: { outputs?: InferAnswer['outputs']; model_version?: string } = JSON.parse(
    await answer.text(),
  )
  return {
    status: answer.status,
    variant: answer.headers.get('x-tutti-variant') ?? '',
    version: parsed.model_version ?? '',
    outputs: parsed.outputs ?? [],
  }
}

function runTutti(args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [tutti, ...args], (error, out, err) => {
      if (error === null) resolve(out)
      else reject(new Error(`tutti ${args.join(' ')}: ${out}${err}`.trim()))
    })
  })
}

/** Starts `tutti ARGS` and waits for what it prints when it is ready. */
function startReady(
  args: readonly string[],
  pattern: RegExp,
): Promise<{ readonly child: ChildProcess; readonly match: RegExpExecArray }> {
  const child = spawn(process.execPath, [tutti, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  return new Promise((resolve, reject) => {
    const take = (chunk: Buffer) => {
      said += String(chunk)
      const match = pattern.exec(said)
      if (match !== null) resolve({ child, match })
    }
    child.stdout.on('data', take)
    child.stderr.on('data', take)
    child.once('exit', (code) => reject(new Error(`tutti ${args[0]} ended with ${code}: ${said}`)))
  })
}

function stopChild(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve()
    child.once('exit', () => resolve())
    child.kill('SIGTERM')
  })
}

function parse(text: string): unknown {
  return JSON.parse(text)
}

function textIn(value: unknown, key: string): string {
  if (typeof value !== 'object' || value === null) return ''
  return String(Object.getOwnPropertyDescriptor(value, key)?.value ?? '')
}
