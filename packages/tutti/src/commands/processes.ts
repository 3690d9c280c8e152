// tutti control-plane, gateway, node, join: one process each, in the foreground.
//
// Started by `tutti up` they tell their parent over IPC when they are ready; started by hand they print it.
// Each is imported when its command runs: no other command, and no other process, pays for it.

import { createPublicKey } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { type ProcessKind, processKinds } from '@tutti/core/workflow'
import { Client } from '@tutti/sdk'
import type { Command } from 'commander'
import { describeError, Failure } from '../failure.ts'
import {
  approvalDid,
  giveWorkflowKey,
  homeFolder,
  loadContext,
  print,
  printJson,
  publicPem,
  publisherKey,
  saveContext,
  serveOn,
  takeHome,
  writePrivate,
} from '../home/index.ts'
import { readVersion } from '../version.ts'
import { type ListenOptions, readCredentials, ready, withListen } from './foreground.ts'
import { checkAddress, countOf, databaseUrlOf, portOf, wordOf } from './option-values.ts'
import { parseLabels } from './parse-labels.ts'
import { type SharedOptions, withExamples, withShared } from './shared-options.ts'

interface ControlPlaneCommand extends ListenOptions {
  readonly databaseUrl?: string
  readonly publicUrl?: string
  readonly heartbeatMs?: string
  readonly allowPrivateCalls?: boolean
  readonly inferUrl?: string
  readonly logLevel: string
}

/**
 * A gateway and a key of its own: steps infer with its rights, not with an admin's. Where none is
 * named it is the one that `tutti up` started beside this control plane.
 */
function inferenceOf(options: ControlPlaneCommand) {
  const home = homeFolder(options)
  const near = existsSync(join(home, 'context.json')) ? loadContext({ home }).gateway : undefined
  const url = options.inferUrl ?? process.env['TUTTI_INFER_URL'] ?? near
  const isFirst = existsSync(join(home, 'credentials.json')) // of this home's own control plane
  const own = isFirst ? readCredentials(home).workflow : undefined
  const key = process.env['TUTTI_INFER_KEY'] ?? own
  return url === undefined || key === undefined ? null : { url, key }
}

export function addControlPlane(program: Command): void {
  const command = withListen(program.command('control-plane'), 7070)
    .option(
      '--database-url <url>',
      'a Postgres of your own (DATABASE_URL); default: the embedded one',
    )
    .option('--public-url <url>', 'where nodes reach it, for join tokens')
    .option('--heartbeat-ms <ms>', 'how often nodes report their load')
    .option('--allow-private-calls', 'let workflows call addresses in private networks')
    .option(
      '--infer-url <url>',
      'gateway that tutti.infer asks, with the key in TUTTI_INFER_KEY; default: tutti up’s',
    )
    .option('--log-level <level>', 'trace, debug, info, warn, error', 'info')
    .description('run a control plane in the foreground')
  withExamples(command, 'tutti control-plane --host 0.0.0.0 --host-name tutti.example.com')
  command.action(async (options: ControlPlaneCommand) => {
    serveOn() // it logs from its first moment on
    wordOf('--log-level', options.logLevel, logLevels)
    checkAddress('--public-url', options.publicUrl)
    checkAddress('--infer-url', options.inferUrl)
    const home = homeFolder(options)
    const databaseUrl = databaseUrlOf(options.databaseUrl)
    // Several may share a database of yours, and nobody but its own process that of a home.
    if (databaseUrl === undefined) takeHome(home, 'control-plane')
    const { startControlPlane } = await import('@tutti/control-plane')
    const plane = await startControlPlane({
      dataFolder: join(home, 'control-plane'),
      databaseUrl,
      host: options.host,
      port: portOf(options.port),
      hosts: options.hostName ?? [],
      publicUrl: options.publicUrl,
      ...(options.heartbeatMs === undefined
        ? {}
        : { heartbeatMs: countOf('--heartbeat-ms', options.heartbeatMs) }),
      workflows: {
        allowPrivateCalls: options.allowPrivateCalls === true,
        inference: () => inferenceOf(options),
      },
      logLevel: options.logLevel,
      version: readVersion(),
      first: {
        publishers: [{ name: 'home', pem: publicPem(publisherKey(home)) }],
        approvalKey: approvalDid(home),
      },
    })
    if (plane.credentials !== null) {
      writePrivate(
        join(home, 'credentials.json'),
        `${JSON.stringify(plane.credentials, null, 2)}\n`,
      )
    }
    await keepContext(home, plane.url)
    const hasKey = await giveWorkflowKey(home, plane.url).catch(() => false)
    if (!hasKey) process.stderr.write(`${keylessHint}\n`)
    ready('control-plane', plane.url, plane.stop)
  })
}

const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const

const keylessHint =
  'tutti.infer has no key in this home: give one in TUTTI_INFER_KEY (tutti key create NAME)'

/** The home folder's context follows where its control plane answers now. */
async function keepContext(home: string, url: string): Promise<void> {
  const path = join(home, 'credentials.json')
  if (!existsSync(path)) return // a database that another home has begun
  const { admin } = readCredentials(home)
  const known = existsSync(join(home, 'context.json')) ? loadContext({ home }) : {}
  saveContext(home, { ...known, url, key: admin, project: 'default' })
}

interface NodeCommand extends ListenOptions {
  readonly data?: string
  readonly endpoint?: string
  readonly listen: boolean
  readonly relay?: boolean
  readonly memory?: string
  readonly disk?: string
  readonly threads?: string
  readonly share?: string
  readonly acceptLog?: boolean
  readonly publisher?: readonly string[]
  readonly allowRun?: readonly string[]
}

function withNode(command: Command): Command {
  return withListen(command, 0)
    .option(
      '--data <folder>',
      'folder of identity, state and models; default: node in the home folder',
    )
    .option('--endpoint <url>', 'what gateways call, where it differs from host and port')
    .option('--no-listen', 'open no port: requests come over connections to the gateways')
    .option('--relay', 'connect to the gateways besides, for those that cannot dial it')
    .option('--memory <MiB>', 'memory that models may take')
    .option('--disk <MiB>', 'disk that models may take, those kept for a rollback included')
    .option('--threads <n>', 'threads per model')
    .option(
      '--share <MB/s>',
      'what nodes with the same label site may fetch from this one; 0: nothing; default: 64',
    )
    .option(
      '--accept-log',
      'take the control plane’s log as it is, after it was restored from a backup',
    )
    .option(
      '--allow-run <kind...>',
      'processes of workflows that may run here, if policies let them: script, shell, container',
    )
    .option(
      '--publisher <pem...>',
      'only models of these publishers run here, whatever is assigned',
    )
}

export function addNode(program: Command): void {
  const command = withNode(program.command('node')).description(
    'run this machine’s node in the foreground (after tutti join, or after a reboot)',
  )
  withExamples(command, 'tutti node', 'tutti node --host 0.0.0.0 --port 8081')
  command.action(async (options: NodeCommand) => {
    checkNode(options)
    takeFolder(nodeFolder(options))
    await runNode(options)
  })
}

interface JoinCommand extends NodeCommand {
  readonly token: string
  readonly name: string
  readonly labels?: string
}

export function addJoin(program: Command): void {
  const command = withNode(program.command('join'))
    .argument('[url]', 'control plane; default: the one that the token names')
    .requiredOption('--token <token>', 'as tutti token prints it')
    .option(
      '--name <name>',
      'the node’s name',
      hostname()
        .toLowerCase()
        .replace(/[^a-z0-9-]/g, '-'),
    )
    .option('--labels <labels>', 'labels of the node: a=b,c=d')
    .description('join a fleet with a single-use token, then run the node')
  withExamples(command, 'tutti join http://10.0.0.1:7070 --token tutti-join-…')
  command.action(async (url: string | undefined, options: JoinCommand) => {
    checkAddress('URL', url)
    checkNode(options)
    const { joinControlPlane, loadNodeIdentity } = await import('@tutti/node')
    const folder = nodeFolder(options)
    takeFolder(folder)
    if (loadNodeIdentity(folder) === null) {
      const labels = parseLabels(options.labels)
      const identity = await joinControlPlane({
        folder,
        name: options.name,
        token: options.token,
        url,
        labels,
      })
      print(`joined ${identity.url} as ${identity.name}`)
    } else print(`this machine has joined already (${folder}): running it`)
    await runNode(options)
  })
}

/**
 * One node for each folder. One that has joined serves also where nobody can write (a full disk),
 * and then nobody knows who else does; one that has not keeps its token for later.
 */
function takeFolder(folder: string): void {
  try {
    takeHome(folder, 'node')
  } catch (error) {
    const isTaken = error instanceof Failure
    if (isTaken || !existsSync(join(folder, 'identity.json'))) throw error
    process.stderr.write(`node: ${describeError(error)}; see that no other runs in ${folder}\n`)
  }
}

/** Before its folder is taken, and before a token is spent. */
function checkNode(options: NodeCommand): void {
  portOf(options.port)
  checkAddress('--url', options.url)
  checkAddress('--endpoint', options.endpoint)
  sizesOf(options)
  kindsOf(options)
  publishersOf(options)
}

async function runNode(options: NodeCommand): Promise<void> {
  const { startNode } = await import('@tutti/node')
  const node = await startNode({
    folder: nodeFolder(options),
    host: options.host,
    port: portOf(options.port),
    endpoint: options.endpoint,
    listens: options.listen,
    relays: options.relay,
    acceptLog: options.acceptLog,
    hosts: options.hostName,
    controlPlaneUrl: options.url?.replace(/\/$/, ''),
    ...sizesOf(options),
    publishers: publishersOf(options),
    allowRun: kindsOf(options),
    version: readVersion(),
  })
  ready('node', node.url, node.stop)
}

function sizesOf(options: NodeCommand) {
  const { memory, disk, threads } = options
  return {
    memoryBytes: memory === undefined ? undefined : countOf('--memory', memory) * 2 ** 20,
    diskBytes: disk === undefined ? undefined : countOf('--disk', disk) * 2 ** 20,
    threads: threads === undefined ? undefined : countOf('--threads', threads),
    shareBytesPerSecond: shareOf(options),
  }
}

/** Throws `tutti/file-unreadable`. */
function publishersOf({ publisher }: NodeCommand): readonly string[] | undefined {
  return publisher?.map((path) => {
    try {
      const pem = readFileSync(path, 'utf8')
      createPublicKey(pem)
      return pem
    } catch (cause) {
      const message = `--publisher: expected a PEM public key in ${path}: ${String(cause)}`
      throw new Failure('tutti/file-unreadable', message, cause)
    }
  })
}

function kindsOf({ allowRun = [] }: NodeCommand): readonly ProcessKind[] {
  return allowRun.map((given) => wordOf('--allow-run', given, processKinds))
}

function shareOf({ share }: NodeCommand): number | undefined {
  if (share === undefined || share === '0') return share === undefined ? undefined : 0
  return countOf('--share', share) * 1_000_000
}

function nodeFolder(options: NodeCommand): string {
  return options.data ?? join(homeFolder(options), 'node')
}

export function addWhoami(program: Command): void {
  withShared(program.command('whoami'))
    .description('say which control plane this is and who you are to it')
    .action(async (options: SharedOptions) => {
      const { url, key } = loadContext(options)
      const me = await new Client({ url, key }).whoami()
      if (options.json === true) return printJson(me)
      print(
        `${me.principal.id} (${me.principal.roles.join(', ')}) at ${url}, version ${me.version}`,
      )
      print(`control plane ${me.controlPlane}\nledger ${me.ledger}`)
    })
}
