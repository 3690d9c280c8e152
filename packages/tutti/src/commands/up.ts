// tutti up: everything on one machine.

import { existsSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { heapFlags } from '@tutti/control-plane/heap-flags'
import { heapFlags as gatewayFlags, heapEnv } from '@tutti/gateway/heap-flags'
import { pause } from '@tutti/machine'
import type { ResourceAnswer } from '@tutti/sdk'
import type { Command } from 'commander'
import { Failure } from '../failure.ts'
import {
  clientOf,
  homeFolder,
  loadContext,
  print,
  printJson,
  type RunningPart,
  runPart,
  saveContext,
  serveOn,
  takeHome,
} from '../home/index.ts'
import { countOf, portOf } from './option-values.ts'
import { type SharedOptions, withExamples, withShared } from './shared-options.ts'

interface UpOptions extends SharedOptions {
  readonly port: string
  readonly gatewayPort: string
  readonly node: boolean
  readonly heartbeatMs?: string
  readonly allowPrivateCalls?: boolean
  readonly allowRun?: readonly string[]
}

export function addUp(program: Command): void {
  const command = withShared(program.command('up'))
    .option('--port <port>', 'port of the control plane', '7070')
    .option('--gateway-port <port>', 'port of the gateway', '8080')
    .option('--no-node', 'do not run a node on this machine')
    .option('--heartbeat-ms <ms>', 'how often nodes report their load')
    .option('--allow-private-calls', 'let workflows call addresses in private networks')
    .option(
      '--allow-run <kind...>',
      'processes of workflows that may run here, if policies let them: script, shell, container',
    )
    .description('start control plane, gateway and a node on this machine')
  withExamples(command, 'tutti up', 'tutti up --port 7071 --gateway-port 8081 --no-node')
  command.action(async (options: UpOptions) => {
    const startMs = performance.now()
    check(options)
    takeHome(homeFolder(options), 'up')
    const parts: RunningPart[] = []
    // Once it hears signals: the first part is there before its start returns.
    const started = Promise.resolve().then(() => startParts(options, parts))
    const end = stopOnSignal(parts, started)
    try {
      await started
    } catch (error) {
      await end.stop()
      await pause(hearMs, end.asked) // Ctrl-C ends parts, too, which may be heard of first
      if (!end.asked.aborted) throw error
    }
    if (end.asked.aborted) return
    serveOn()
    report(options, parts, performance.now() - startMs)
  })
}

/** In the words of whoever gave them, before anything is started. */
function check({ port, gatewayPort, heartbeatMs }: UpOptions): void {
  if (portOf(gatewayPort, '--gateway-port') === portOf(port) && portOf(port) !== 0) {
    const message = `--gateway-port: expected another port than --port has, got ${gatewayPort}`
    throw new Failure('tutti/argument-invalid', message)
  }
  if (heartbeatMs !== undefined) countOf('--heartbeat-ms', heartbeatMs)
}

async function startParts(options: UpOptions, parts: RunningPart[]): Promise<void> {
  const home = homeFolder(options)
  const logs = join(home, 'logs')
  const onEvent = (line: string) => process.stderr.write(`${line}\n`)
  const common = ['--home', home]
  const beat = options.heartbeatMs === undefined ? [] : ['--heartbeat-ms', options.heartbeatMs]
  const calls = options.allowPrivateCalls === true ? ['--allow-private-calls'] : []
  const planeArgs = ['control-plane', ...common, '--port', options.port, ...beat, ...calls]
  const plane = { name: 'control-plane', args: planeArgs, flags: heapFlags }
  const planeStarts = runPart(plane, logs, onEvent)
  // On a warm start nobody waits for the control plane: gateway and node know it and live without it.
  const url = isWarm(home, options) ? urlOf(options) : (await planeStarts).url
  const gatewayArgs = ['gateway', ...common, '--url', url, '--port', options.gatewayPort]
  const gatewayPart = { name: 'gateway', args: gatewayArgs, flags: gatewayFlags, env: heapEnv }
  const gatewayStarts = runPart(gatewayPart, logs, onEvent)
  const runs = options.allowRun === undefined ? [] : ['--allow-run', ...options.allowRun]
  const nodeStarts = options.node ? startOwnNode(url, { home, logs, onEvent, runs }) : null
  // The gateway is stopped first: what it keeps on disk are nodes that serve, as the next start will need.
  const started = await Promise.allSettled([planeStarts, nodeStarts, gatewayStarts])
  for (const one of started) {
    if (one.status === 'fulfilled' && one.value !== null) parts.push(one.value)
  }
  const failed = started.find((one) => one.status === 'rejected')
  if (failed !== undefined) throw failed.reason
  const gateway = parts.find(({ name }) => name === 'gateway')
  saveContext(home, { ...loadContext({ home }), ...(gateway ? { gateway: gateway.url } : {}) })
}

/** True where this home has run before, on a port that can be told in advance. */
function isWarm(home: string, options: UpOptions): boolean {
  const pinned = [join('gateway', 'control-plane.key'), ...(options.node ? [ownIdentity] : [])]
  return options.port !== '0' && pinned.every((path) => existsSync(join(home, path)))
}

function urlOf({ port }: UpOptions): string {
  return `http://127.0.0.1:${port}`
}

const ownIdentity = join('node', 'identity.json')

/** This machine's own node: it joins like any other, with a token of its own. */
async function startOwnNode(
  url: string,
  at: {
    readonly home: string
    readonly logs: string
    readonly onEvent: (line: string) => void
    /** Options of what may run on it. */
    readonly runs: readonly string[]
  },
): Promise<RunningPart> {
  const common = ['--home', at.home, ...at.runs]
  if (existsSync(join(at.home, ownIdentity))) {
    const args = ['node', ...common, '--url', url]
    return await runPart({ name: 'node', args }, at.logs, at.onEvent)
  }
  const client = clientOf({ home: at.home })
  const { token } = await client.makeToken({ labels: { region: 'local' } })
  const wanted =
    hostname()
      .toLowerCase()
      .replace(/[^a-z0-9-]/g, '-') || 'local'
  const name = freeName(wanted, await client.list('nodes'))
  if (name !== wanted) {
    const hint = `if that is gone, tutti delete node ${wanted}`
    at.onEvent(`this machine joins as ${name}, as there is a node ${wanted} already: ${hint}`)
  }
  const args = ['join', ...common, '--token', token, '--name', name]
  return await runPart({ name: 'node', args }, at.logs, at.onEvent)
}

/** Another machine may be called so, or this one was before its control plane was restored. */
function freeName(wanted: string, nodes: readonly ResourceAnswer[]): string {
  const taken = new Set(nodes.map(({ metadata }) => metadata.name))
  let name = wanted
  for (let i = 2; taken.has(name); i++) name = `${wanted.slice(0, namePartMax)}-${i}`
  return name
}

const namePartMax = 56 // of the 63 characters of a name; the number behind it has the others

const hearMs = 250 // a signal to all of them takes less, also where the machine is busy

interface End {
  /** Aborted when somebody asks. */
  readonly asked: AbortSignal
  readonly stop: () => Promise<void>
}

/** Stops every part, the last of the list first, when somebody asks: once all have started. */
function stopOnSignal(parts: readonly RunningPart[], started: Promise<void>): End {
  let stopping: Promise<void> | null = null
  const asked = new AbortController()
  const stop = () => {
    stopping ??= (async () => {
      await started.catch(() => {}) // those that have are in the list
      for (const part of parts) part.retire() // whoever asks may have asked them, too
      for (const part of [...parts].reverse()) await part.stop()
    })()
    return stopping
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      // That takes as long as what starts, and what is under way: ten seconds and more.
      const { aborted } = asked.signal
      if (!aborted) process.stderr.write('stopping: each part ends what it has begun\n')
      asked.abort()
      void stop().then(() => process.exit(0))
    })
  }
  return { asked: asked.signal, stop }
}

function report(options: UpOptions, parts: readonly RunningPart[], ms: number): void {
  const urls = Object.fromEntries(parts.map(({ name, url }) => [name, url]))
  const home = homeFolder(options)
  if (options.json === true) return printJson({ ...urls, home, startedMs: Math.round(ms) })
  print(`Tutti is up (${(ms / 1000).toFixed(1)} s)`)
  for (const { name, url } of parts) print(`  ${name.padEnd(14)} ${url}`)
  print(`  ${'keys'.padEnd(14)} ${home}`)
  print('\nNext: tutti model push FOLDER, tutti apply -f deployment.yaml, tutti get nodes')
  print('Another machine joins with: tutti join URL --token "$(tutti token)"')
}
