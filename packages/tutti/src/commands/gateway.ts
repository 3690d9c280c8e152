// tutti gateway: one process, or several workers behind one port; with a control plane, or alone with a file.

import cluster from 'node:cluster'
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { FilePlane, GatewayOptions } from '@tutti/gateway'
import { spareHeap } from '@tutti/gateway/heap-flags'
import { Client, Failure as Refusal } from '@tutti/sdk'
import type { Command } from 'commander'
import { describeError, Failure } from '../failure.ts'
import { homeFolder, loadContext, writePrivate } from '../home/index.ts'
import { readVersion } from '../version.ts'
import { type ListenOptions, readCredentials, ready, withListen } from './foreground.ts'
import { checkAddress, countOf, portOf } from './option-values.ts'
import { withExamples } from './shared-options.ts'

interface GatewayCommand extends ListenOptions {
  readonly region: string
  readonly publicUrl?: string
  readonly controlPlane?: string
  readonly config?: string
  readonly workers: string
  readonly drain: string
}

export function addGateway(program: Command): void {
  const command = withListen(program.command('gateway'), 8080)
    .option('--region <name>', 'prefer endpoints of this region', '')
    .option('--public-url <url>', 'where nodes reach it that it cannot dial; default: its address')
    .option('--control-plane <url>', 'the control plane that it follows; the same as --url')
    .option(
      '--config <path>',
      'alone, without a control plane: a file or folder of Providers, Routes, Keys and Budgets',
    )
    .option('--workers <n>', 'processes that share the port; one for each core is enough', '1')
    .option('--drain <seconds>', 'how long answers may go on after SIGTERM', '8')
    .description('run a gateway in the foreground')
  withExamples(
    command,
    'tutti gateway --control-plane http://10.0.0.1:7070 --key tutti_gateway_…',
    'TUTTI_SECRET_OPENAI=sk-… tutti gateway --config gateway.yaml --workers 2',
  )
  command.action(runGateway)
}

async function runGateway({ controlPlane, ...given }: GatewayCommand): Promise<void> {
  if (controlPlane !== undefined && given.config !== undefined) {
    const hint = 'give one of them: with --config it is alone'
    throw new Failure('tutti/argument-invalid', `--control-plane and --config: ${hint}`)
  }
  const options = controlPlane === undefined ? given : { ...given, url: controlPlane }
  checkAddress(controlPlane === undefined ? '--url' : '--control-plane', options.url)
  checkAddress('--public-url', options.publicUrl)
  const count = countOf('--workers', options.workers)
  const drainMs = drainMsOf(options)
  if (cluster.isPrimary) await bringUsage(options, count)
  if (count > 1 && cluster.isPrimary) return await runWorkers(options, { count, drainMs })
  const { startGateway, otlpOptionsOf } = await import('@tutti/gateway')
  spareHeap()
  const worker = cluster.worker?.id
  const folder = folderOf(options, worker === undefined ? null : `${process.env[placeName]}`)
  // What a file says holds from its start: nothing of a former one is served from.
  if (options.config !== undefined) rmSync(join(folder, 'snapshot.json'), { force: true })
  const plane = worker === undefined ? await filePlaneOf(options) : null
  if (worker !== undefined) process.on('SIGHUP', () => {}) // whoever started it reads for all
  const gateway = await startGateway({
    host: options.host,
    port: portOf(options.port),
    hosts: options.hostName ?? [],
    publicUrl: options.publicUrl,
    controlPlane: plane?.controlPlane ?? givenPlane() ?? (await controlPlaneOf(options, folder)),
    folder,
    region: options.region,
    version: readVersion(),
    drainMs,
    worker: worker === undefined ? undefined : Number(process.env[placeName]),
    otlp: otlpOptionsOf(process.env),
  })
  const stop = async () => {
    await gateway.stop()
    await plane?.stop()
  }
  // Where whoever started it is gone Node would end it at once; from here on it drains first.
  if (cluster.worker !== undefined) cluster.worker.exitedAfterDisconnect = true
  ready('gateway', gateway.url, stop, drainMs + settleMs)
}

/** Where a worker keeps what it knows; `place` is null for who works without others. */
function folderOf(options: GatewayCommand, place: string | null): string {
  const own = place === null ? 'gateway' : `gateway/${workerPrefix}${place}`
  return join(homeFolder(options), own, options.config === undefined ? '' : 'alone')
}

const workerPrefix = 'worker-'

/** Usage that nobody has taken yet, of as many workers as there were, to one that there will be. */
async function bringUsage(options: GatewayCommand, count: number): Promise<void> {
  const root = join(homeFolder(options), 'gateway')
  if (!existsSync(root)) return
  const workers = readdirSync(root).filter((name) => name.startsWith(workerPrefix))
  const places = [null, ...workers.map((name) => name.slice(workerPrefix.length))]
  const folders = places.map((place) => folderOf(options, place))
  const { gatherUsage } = await import('@tutti/gateway')
  try {
    await gatherUsage(folders, folderOf(options, count > 1 ? '1' : null))
  } catch (error) {
    logLine('usage of former workers stays where it is', { reason: describeError(error) })
  }
}

const settleMs = 2_000 // for what was spent to be told, once all is answered

const drainSecondsMax = 86_400 // a day; a timer of more than 24 of them would fire at once

function drainMsOf({ drain }: GatewayCommand): number {
  return countOf('--drain', drain, drainSecondsMax) * 1_000
}

const planeName = 'TUTTI_GATEWAY_FILE_PLANE'
const placeName = 'TUTTI_GATEWAY_PLACE'

/** The process that starts the workers serves nobody itself. */
async function runWorkers(
  options: GatewayCommand,
  { count, drainMs }: { readonly count: number; readonly drainMs: number },
): Promise<void> {
  const { startWorkers } = await import('@tutti/gateway')
  const plane = await filePlaneOf(options)
  const workers = await startWorkers({
    count,
    env: plane === null ? {} : { [planeName]: JSON.stringify(plane.controlPlane) },
    placeName,
    log: logLine,
  })
  const stop = async () => {
    await workers.stop()
    await plane?.stop()
  }
  ready('gateway', workers.url, stop, drainMs + 2 * settleMs)
}

/** What the process that started this worker gave it. */
function givenPlane(): GatewayOptions['controlPlane'] | null {
  const text = process.env[planeName]
  return text === undefined || !cluster.isWorker ? null : JSON.parse(text)
}

async function controlPlaneOf(options: GatewayCommand, folder: string) {
  const home = homeFolder(options)
  const { url } = loadContext({ ...options, key: options.key ?? 'unused' })
  const key = options.key ?? process.env['TUTTI_GATEWAY_KEY'] ?? readCredentials(home).gateway
  const publicKey = await pinnedKey(home, url, key)
  // What it holds it serves from, whatever becomes of its key.
  if (!existsSync(join(folder, 'snapshot.json'))) await refuseUseless(url, key)
  return { url, key, publicKey }
}

/** Throws where the control plane has nothing for this key; one that does not answer may later. */
async function refuseUseless(url: string, key: string): Promise<void> {
  const answer = await fetch(`${url}/api/v1/snapshot`, {
    headers: { authorization: `Bearer ${key}` },
    signal: AbortSignal.timeout(askMsMax),
  }).catch(() => null)
  const status = answer?.status ?? 0
  if (status !== 401 && status !== 403) return await answer?.body?.cancel()
  const said = (await answer?.text())?.slice(0, 300)
  const message = `the control plane refuses this gateway's key: ${status}: ${said}`
  throw new Refusal('sdk/refused', message, { status })
}

const askMsMax = 5_000 // it is asked again for ever once the gateway serves

/** The control plane's signing key: pinned on the first contact, the same ever after. */
async function pinnedKey(home: string, url: string, key: string): Promise<string> {
  const path = join(home, 'gateway', 'control-plane.key')
  if (existsSync(path)) return readFileSync(path, 'utf8').trim()
  const { controlPlane } = await new Client({ url, key }).whoami()
  writePrivate(path, `${controlPlane}\n`)
  return controlPlane
}

/** The file in a control plane's stead; SIGHUP has it read again, and ends nobody. */
async function filePlaneOf(options: GatewayCommand): Promise<FilePlane | null> {
  const { config } = options
  if (config === undefined) {
    const reason = 'it follows its control plane, and hears of each change at once'
    process.on('SIGHUP', () => logLine('there is nothing to read again', { reason }))
    return null
  }
  const { startFilePlane, whyNoCondition } = await import('@tutti/gateway')
  const { readGatewayFile } = await import('./read-gateway-file.ts') // all kinds there are
  let sequence = 1
  const starting = startFilePlane({
    snapshot: readGatewayFile(config, sequence, whyNoCondition),
    folder: join(homeFolder(options), 'gateway'),
    log: logLine,
  })
  // From the moment on that the file was read.
  process.on('SIGHUP', async () => {
    const plane = await starting.catch(() => null)
    if (plane === null) return // whoever waits for it says why
    try {
      sequence += 1
      plane.swap(readGatewayFile(config, sequence, whyNoCondition))
    } catch (error) {
      plane.refuse() // the one before holds
      logLine('the file is not taken in', { config, reason: describeError(error) })
    }
  })
  return await starting
}

function logLine(event: string, fields: Readonly<Record<string, unknown>>): void {
  const line = { time: new Date().toISOString(), service: 'gateway', event, ...fields }
  process.stderr.write(`${JSON.stringify(line)}\n`)
}
