// Workflow peers
//
// The durable engines that the bench `workflow` compares with, three steps a run. They are peers of that bench alone, and
// no dependency of ours: TUTTI_BENCH_PEERS names a folder where @dbos-inc/dbos-sdk, and @restatedev/restate-sdk with
// @restatedev/restate-server, are installed; whichever is not there is left out.

import { type ChildProcess, spawn } from 'node:child_process'
import { createServer, type Http2Server } from 'node:http2'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import type { Database } from '@tutti/control-plane/workflow'
import { Pool } from 'undici'
import { z } from 'zod'

/** Runs a workflow to its end. */
export type Run = () => Promise<unknown>

export interface Peer {
  readonly run: Run
  readonly stop: () => Promise<unknown>
}

const names = ['one', 'two', 'three']
const effect = async () => ({ a: 1 })

export async function openPeers(database: Database, folder: string): Promise<Record<string, Peer>> {
  const place = process.env['TUTTI_BENCH_PEERS']
  if (place === undefined) {
    process.stdout.write('DBOS and Restate: TUTTI_BENCH_PEERS names no folder with them\n')
    return {}
  }
  const require = createRequire(join(place, 'package.json'))
  const peers: Record<string, Peer> = {}
  if (isThere(require, '@dbos-inc/dbos-sdk')) peers['dbos'] = await openDbos(require, database)
  if (isThere(require, '@restatedev/restate-sdk')) {
    peers['restate'] = await openRestate(require, join(folder, 'restate'))
  }
  return peers
}

function isThere(require: NodeJS.Require, name: string): boolean {
  try {
    return require.resolve(name) !== ''
  } catch {
    process.stdout.write(`${name} is not installed: left out\n`)
    return false
  }
}

/** What this bench uses of DBOS. */
interface Dbos {
  readonly setConfig: (config: object) => void
  readonly registerWorkflow: (run: () => Promise<unknown>, options: object) => Run
  readonly runStep: (step: () => Promise<unknown>, options: object) => Promise<unknown>
  readonly launch: () => Promise<void>
  readonly shutdown: () => Promise<void>
}

/** On the same Postgres. */
async function openDbos(require: NodeJS.Require, { sql }: Database): Promise<Peer> {
  const { DBOS } = z.object({ DBOS: z.custom<Dbos>() }).parse(require('@dbos-inc/dbos-sdk'))
  const { path, user } = sql.options
  const host = encodeURIComponent(dirname(String(path)))
  const url = `postgresql://${user}@localhost:5432/dbos?host=${host}`
  DBOS.setConfig({
    name: 'bench',
    systemDatabaseUrl: url,
    systemDatabasePoolSize: 20,
    logLevel: 'error',
  })
  const run = DBOS.registerWorkflow(
    async () => {
      for (const name of names) await DBOS.runStep(effect, { name })
    },
    { name: 'bench' },
  )
  await DBOS.launch()
  return { run, stop: () => DBOS.shutdown() }
}

interface RestateContext {
  readonly run: (name: string, step: () => Promise<unknown>) => Promise<unknown>
}

/** What this bench uses of Restate's SDK. */
interface Restate {
  readonly service: (of: {
    name: string
    handlers: Record<string, (context: RestateContext) => Promise<unknown>>
  }) => object
  readonly createEndpointHandler: (of: {
    services: object[]
    logger: () => void
  }) => NonNullable<Parameters<typeof createServer>[1]>
}

/** What Restate's SDK takes of Node 22; here it runs on 20. */
function giveResolvers(): void {
  const has = { withResolvers: resolvers }
  if (!('withResolvers' in Promise)) Object.assign(Promise, has)
}

function resolvers() {
  let settle: object = {}
  const promise = new Promise((resolve, reject) => {
    settle = { resolve, reject }
  })
  return { promise, ...settle }
}

/** A server with a store of its own in `folder`; it writes through, as Postgres does here. */
async function openRestate(require: NodeJS.Require, folder: string): Promise<Peer> {
  giveResolvers()
  const { service, createEndpointHandler } = z
    .custom<Restate>()
    .parse(require('@restatedev/restate-sdk'))
  const steps = service({
    name: 'steps',
    handlers: {
      run: async (context) => {
        for (const name of names) await context.run(name, effect)
      },
    },
  })
  const endpoint = createServer(createEndpointHandler({ services: [steps], logger: () => {} }))
  await new Promise<void>((resolve) => endpoint.listen(0, '127.0.0.1', resolve))
  const child = spawn(
    restateServer(require),
    ['--base-dir', folder, '--node-name', 'bench', '--listen-mode', 'unix', '--no-logo'],
    { stdio: 'ignore', env: { ...process.env, RESTATE_DISABLE_TELEMETRY: 'true' } },
  )
  const at = (name: string) => join(folder, 'bench', `${name}.sock`)
  const { port } = endpoint.address() as AddressInfo
  await register(child, at('admin'), `http://127.0.0.1:${port}`)
  const ingress = new Pool('http://restate', { socketPath: at('ingress'), connections: 256 })
  const run = async () => {
    const { statusCode, body } = await ingress.request({ path: '/steps/run', method: 'POST' })
    const text = await body.text()
    if (statusCode >= 300) throw new Error(`Restate answered ${statusCode}: ${text}`)
  }
  return { run, stop: () => stopRestate(child, endpoint, ingress) }
}

/** The binary itself: who starts it through its script cannot end it. */
function restateServer(require: NodeJS.Require): string {
  const name = `@restatedev/restate-server-${process.platform}-${process.arch}`
  return join(dirname(require.resolve(`${name}/package.json`)), 'bin/restate-server')
}

const startMsMax = 30_000

/** Told as soon as the server takes it. */
async function register(child: ChildProcess, socketPath: string, uri: string): Promise<void> {
  const admin = new Pool('http://restate', { socketPath })
  const sinceMs = performance.now()
  for (;;) {
    if (child.exitCode !== null) throw new Error(`restate-server ended with ${child.exitCode}`)
    const status = await admin
      .request({
        ...{ path: '/deployments', method: 'POST', body: JSON.stringify({ uri }) },
        headers: { 'content-type': 'application/json' },
      })
      .then(
        async ({ statusCode, body }) => {
          await body.dump()
          return statusCode
        },
        () => 0, // it does not listen yet
      )
    if (status >= 200 && status < 300) break
    if (performance.now() - sinceMs > startMsMax) {
      throw new Error(`restate-server took no deployment within ${startMsMax} ms (${status})`)
    }
    await new Promise((resolve) => {
      setTimeout(resolve, 100)
    })
  }
  await admin.close()
}

async function stopRestate(child: ChildProcess, endpoint: Http2Server, ingress: Pool) {
  await ingress.destroy()
  await new Promise((resolve) => {
    child.once('exit', resolve)
    child.kill('SIGTERM')
  })
  endpoint.close()
}
