// Local fleet
//
// A real control plane, gateway and nodes on loopback, as processes of the command line, for one judge's run.
// It ends what it started, by pid, and removes its folder.

import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { Client } from '@tutti/sdk'

const require = createRequire(import.meta.url)
const tutti = join(dirname(require.resolve('tutti/package.json')), 'dist/main.js')

export interface LocalNode {
  readonly name: string
  readonly memoryMiB?: number
  readonly labels?: Readonly<Record<string, string>>
  /** Further arguments of `tutti join`. */
  readonly args?: readonly string[]
}

export interface LocalFleet {
  readonly folder: string
  /** Of keys and settings. */
  readonly home: string
  /** Where the control plane answers. */
  readonly url: string
  readonly gateway: string
  readonly key: string
  readonly client: Client
  readonly nodes: readonly { readonly name: string; readonly url: string; readonly key: string }[]
  /** Runs `tutti ARGS`, in its home unless they name one; throws what it said where it failed. */
  readonly tutti: (...args: readonly string[]) => Promise<string>
  /** All that its processes have written so far: to their logs, to their terminals. */
  readonly readLogs: () => string
  /** The processes that were started; those have others below them. */
  readonly pids: () => readonly number[]
  /** Ends control plane and gateway, does what is given, and starts them where they were. */
  readonly restartPlane: (meanwhile: () => Promise<void>) => Promise<void>
  /** Ends a node and starts it again with further arguments; settles when it answers. */
  readonly restartNode: (name: string, ...args: readonly string[]) => Promise<void>
  /** SIGKILL to a node's process; settles when it is gone. */
  readonly killNode: (name: string) => Promise<void>
  /** Process id of a node. */
  readonly pidOf: (name: string) => number
  readonly stop: () => Promise<void>
}

/** `upArgs`: further arguments of `tutti up`. */
export async function startLocalFleet(
  nodes: readonly LocalNode[],
  upArgs: readonly string[] = [],
): Promise<LocalFleet> {
  const folder = mkdtempSync(join(tmpdir(), 'tutti-conformance-'))
  const children: Child[] = []
  const stop = async () => {
    await Promise.all(children.map(stopChild))
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    return { ...(await startAll({ folder, nodes, upArgs }, children)), stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** What is started goes into `children` at once, so that the caller can end it whatever happens. */
async function startAll(
  {
    folder,
    nodes,
    upArgs,
  }: {
    readonly folder: string
    readonly nodes: readonly LocalNode[]
    readonly upArgs: readonly string[]
  },
  children: Child[],
): Promise<Omit<LocalFleet, 'stop'>> {
  const home = join(folder, 'home')
  const start = (args: readonly string[], pattern: RegExp) => startReady(args, pattern, children)
  const up = ['up', '--home', home, '--no-node', '--json', ...upArgs]
  await start([...up, '--port', '0', '--gateway-port', '0'], /startedMs/)
  const context = parse(readFileSync(join(home, 'context.json'), 'utf8'))
  const url = textIn(context, 'url')
  const key = textIn(context, 'key')
  const client = new Client({ url, key })
  const running: { readonly name: string; readonly url: string; readonly key: string }[] = []
  for (const { name, memoryMiB, labels = {}, args: more = [] } of nodes) {
    const { token } = await client.makeToken({ labels })
    const data = join(folder, name)
    const about = ['--name', name, '--token', token, '--threads', '1']
    const memory = memoryMiB === undefined ? [] : ['--memory', String(memoryMiB)]
    const args = ['join', '--home', home, '--data', data, ...about, ...memory, ...more]
    const match = await start(args, /node answers at (\S+)/)
    const identity = parse(readFileSync(join(data, 'identity.json'), 'utf8'))
    running.push({ name, url: match[1] ?? '', key: textIn(identity, 'localKey') })
  }
  const gateway = textIn(context, 'gateway')
  const end = async (is: (child: Child) => boolean) => {
    for (const child of children.filter(is)) await stopChild(child)
  }
  const childOf = (name: string): Child => {
    const data = join(folder, name)
    const child = children.findLast((one) => one.args.includes(data))
    if (child === undefined) throw new Error(`no node ${name} was started`)
    return child
  }
  return {
    ...{ folder, home, url, gateway, key, client, nodes: running },
    restartPlane: async (meanwhile) => {
      await end(({ args }) => args[0] === 'up')
      await meanwhile()
      const ports = ['--port', new URL(url).port, '--gateway-port', new URL(gateway).port]
      await start([...up, ...ports], /startedMs/)
    },
    restartNode: async (name, ...args) => {
      const data = join(folder, name)
      await end((child) => child.args.includes(data))
      const port = new URL(running.find((node) => node.name === name)?.url ?? '').port
      const again = ['node', '--home', home, '--data', data, '--port', port, '--threads', '1']
      await start([...again, ...args], /node answers at (\S+)/)
    },
    killNode: async (name) => {
      const { process: child } = childOf(name)
      const gone = once(child, 'exit')
      child.kill('SIGKILL')
      await gone
    },
    pidOf: (name) => childOf(name).process.pid ?? 0,
    tutti: (...args) => runTutti(args.includes('--home') ? args : [...args, '--home', home]),
    readLogs: () => [...children.map(({ said }) => said), ...logsIn(join(home, 'logs'))].join('\n'),
    pids: () => children.flatMap(({ process }) => process.pid ?? []),
  }
}

/** Deploys a model and waits for the end of its rollout, which must be `done`. */
export async function deploy(
  fleet: LocalFleet,
  name: string,
  model: string,
  strategy: object = { soakMs: 0, canary: { perStratum: 1 } },
): Promise<void> {
  const path = join(fleet.folder, `${name}.json`)
  const spec = { model, strategy }
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
  readonly node: string
  readonly requestId: string
  /** What a refusal says; empty otherwise. */
  readonly error: string
  readonly outputs: readonly { readonly name: string; readonly data: readonly unknown[] }[]
}

/** Asks a model through the gateway. */
export async function infer(fleet: LocalFleet, model: string, body: object): Promise<InferAnswer> {
  const answer = await fetch(`${fleet.gateway}/v2/models/${model}/infer`, {
    method: 'POST',
    headers: { authorization: `Bearer ${fleet.key}` },
    body: JSON.stringify(body),
  })
  const parsed: {
    outputs?: InferAnswer['outputs']
    model_version?: string
    error?: string
  } = JSON.parse(await answer.text())
  const header = (name: string) => answer.headers.get(name) ?? ''
  return {
    status: answer.status,
    variant: header('x-tutti-variant'),
    version: parsed.model_version ?? '',
    node: header('x-tutti-node'),
    requestId: header('x-request-id'),
    error: parsed.error ?? '',
    outputs: parsed.outputs ?? [],
  }
}

/** Posts the true label of an answer; the status that came back. */
export async function postFeedback(
  fleet: LocalFleet,
  requestId: string,
  label: string,
): Promise<number> {
  const answer = await fetch(`${fleet.gateway}/v1/feedback`, {
    method: 'POST',
    headers: { authorization: `Bearer ${fleet.key}` },
    body: JSON.stringify({ request_id: requestId, label }),
  })
  await answer.arrayBuffer()
  return answer.status
}

export function runTutti(args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [tutti, ...args], (error, out, err) => {
      if (error === null) resolve(out)
      else reject(new Error(`tutti ${args.join(' ')}: ${out}${err}`.trim()))
    })
  })
}

function logsIn(folder: string): string[] {
  return readdirSync(folder).map((name) => readFileSync(join(folder, name), 'utf8'))
}

/** A process of the command line. */
export interface Child {
  readonly args: readonly string[]
  readonly process: ChildProcess
  /** What it has printed; written by `startReady`. */
  said: string
}

const saidMax = 5_000_000 // characters; a judge's run prints far less
const startMsMax = 60_000 // a first start makes a database: 10 s on a busy machine

/** Starts `tutti ARGS`, adds it to `children`, and waits for what it prints when it is ready. */
export function startReady(
  args: readonly string[],
  pattern: RegExp,
  children: Child[],
): Promise<RegExpExecArray> {
  const child = spawn(process.execPath, [tutti, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  const own: Child = { args, process: child, said: '' }
  children.push(own)
  return new Promise((resolve, reject) => {
    const fail = (what: string) => reject(new Error(`tutti ${args[0]} ${what}: ${own.said}`))
    const timer = setTimeout(() => fail(`is not ready after ${startMsMax} ms`), startMsMax)
    const take = (chunk: Buffer) => {
      if (own.said.length < saidMax) own.said += String(chunk) // what comes later is only read away
      const match = pattern.exec(own.said)
      if (match === null) return
      clearTimeout(timer)
      resolve(match)
    }
    child.stdout.on('data', take)
    child.stderr.on('data', take)
    child.once('exit', (code) => {
      clearTimeout(timer)
      fail(`ended with ${code}`)
    })
  })
}

export function stopChild({ process: child }: Child): Promise<void> {
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
