// Proxy bed
//
// The gateway, nginx as the limit of what a proxy can do, a bare relay over node:net as the limit of what Node can do on
// this machine, and Portkey as the peer in TypeScript, each in a process of its own before one engine; what each of them costs is read from the kernel's accounts of its process.

import { type ChildProcess, fork, spawn } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { heapEnv, heapFlags } from '@tutti/gateway/heap-flags'

const require = createRequire(import.meta.url)

export const benchKey = 'tutti_bench_key'

export interface ProxyServer {
  readonly name: string
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  /** Of all processes that it is. */
  readonly pids: readonly number[]
  /** How many of them answer; one, if absent. */
  readonly workers?: number
  /** Counts from now on how long its event loop is held up; the answer, in ms, ends it. */
  readonly watchStalls?: () => () => Promise<number>
}

export interface ProxyBedOptions {
  /** Others of the gateway: with two workers; with guard and semantic cache on. */
  readonly more?: readonly ('workers' | 'full')[]
}

export interface ProxyBed {
  readonly proxies: readonly ProxyServer[]
  readonly stop: () => Promise<void>
}

export async function startProxyBed({ more = [] }: ProxyBedOptions = {}): Promise<ProxyBed> {
  const folder = mkdtempSync(join(tmpdir(), 'tutti-bench-proxies-'))
  const children: ChildProcess[] = []
  const home = { children, folder }
  const stop = async () => {
    await Promise.all(children.map(end))
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    const engine = await startOwn(home, ['engine'])
    const plane = await startOwn(home, ['plane', engine.url])
    const planeArgs = [engine.url, plane.url, plane.publicKey]
    const gateway = await startOwn(home, ['gateway', ...planeArgs])
    const authorization = `Bearer ${benchKey}`
    const headers = { authorization }
    const proxies: ProxyServer[] = [{ name: 'tutti', ...gateway, headers }]
    for (const role of more) {
      const own = role === 'full' ? await startOwn(home, ['full-plane', engine.url]) : plane
      const args = [role, engine.url, own.url, own.publicKey]
      const one = await startOwn(home, args)
      const workers = role === 'workers' ? 2 : 1
      proxies.push({ name: roleNames[role], ...one, headers, workers })
    }
    const bare = await startOwn(home, ['bare', engine.url])
    proxies.push({ name: bareName, ...bare, headers: {} })
    const nginx = ['/usr/sbin/nginx', '/usr/bin/nginx'].find((path) => existsSync(path))
    if (nginx === undefined) process.stderr.write('nginx is not installed: left out\n')
    else proxies.push(await startNginx(children, { nginx, folder, engine: engine.url }))
    proxies.push(await startPortkey(children, engine.url))
    return { proxies, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

export const fullName = 'tutti, guard and cache'
export const workersName = 'tutti, 2 workers'
const roleNames = { workers: workersName, full: fullName }
const bareName = 'bare node:net'

/** Microseconds of CPU that processes and all their threads have used; Linux alone tells. */
export function cpuMicros(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + cpuMicrosOf(pid), 0)
}

/** Megabytes that a process holds. */
export function heldMegabytes(pid: number): number {
  const [, kilobytes = '0'] =
    /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return Number(kilobytes) / 1_024
}

function cpuMicrosOf(pid: number): number {
  const tasks = `/proc/${pid}/task`
  let nanos = 0
  for (const task of readdirSync(tasks)) {
    nanos += Number(readFileSync(`${tasks}/${task}/schedstat`, 'utf8').split(' ')[0])
  }
  return nanos / 1_000
}

interface Said {
  readonly url: string
  readonly pids?: readonly number[]
  readonly publicKey?: string
}

type Started = Pick<ProxyServer, 'url' | 'pids' | 'watchStalls'> & { readonly publicKey: string }

interface Home {
  readonly children: ChildProcess[]
  /** Removed with all that they keep in it. */
  readonly folder: string
}

function startOwn({ children, folder }: Home, args: readonly string[]) {
  const path = fileURLToPath(new URL('./proxy-process.js', import.meta.url))
  const env = { ...heapEnv, ...process.env, TUTTI_BENCH_FOLDER: folder }
  const child = fork(path, args, { execArgv: [...heapFlags], env })
  children.push(child)
  return new Promise<Started>((resolve, reject) => {
    child.once('message', ({ url, pids = [], publicKey = '' }: Said) => {
      const all = [child.pid ?? 0, ...pids]
      resolve({ url, publicKey, pids: all, watchStalls: () => watchStalls(child) })
    })
    child.once('exit', (code) => reject(new Error(`${args[0]} ended with ${code}`)))
  })
}

function watchStalls(child: ChildProcess): () => Promise<number> {
  child.send('watch')
  return () =>
    new Promise((resolve) => {
      child.once('message', ({ stallMs }: { stallMs: number }) => resolve(stallMs))
      child.send('tell')
    })
}

async function startNginx(
  children: ChildProcess[],
  of: { readonly nginx: string; readonly folder: string; readonly engine: string },
): Promise<ProxyServer> {
  const port = await freePort()
  const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  for (const path of paths) mkdirSync(join(of.folder, path))
  const config = join(of.folder, 'nginx.conf')
  writeFileSync(
    config,
    `daemon off; master_process off; worker_processes 1; pid ${of.folder}/pid;
error_log stderr crit;
events { worker_connections 4096; }
http {
  access_log off;
  ${paths.map((path) => `${path}_temp_path ${of.folder}/${path};`).join('\n  ')}
  client_max_body_size 64m; client_body_buffer_size 1m; keepalive_requests 1000000000;
  upstream engine {
    server ${of.engine.slice('http://'.length)};
    keepalive 512; keepalive_requests 1000000000;
  }
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://engine; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_buffering off;
    }
  }
}
`,
  )
  const child = spawn(of.nginx, ['-c', config], { stdio: ['ignore', 'ignore', 'inherit'] })
  children.push(child)
  const url = `http://127.0.0.1:${port}`
  await untilAnswers(url, child)
  return { name: 'nginx', url, headers: {}, pids: [child.pid ?? 0] }
}

async function startPortkey(children: ChildProcess[], engine: string): Promise<ProxyServer> {
  const port = await freePort()
  const script = join(
    dirname(require.resolve('@portkey-ai/gateway/package.json')),
    'build/start-server.js',
  )
  const child = spawn(process.execPath, [script, '--headless', `--port=${port}`], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, NODE_ENV: 'production', TRUSTED_CUSTOM_HOSTS: '127.0.0.1' },
  })
  children.push(child)
  const url = `http://127.0.0.1:${port}`
  await untilAnswers(url, child)
  const headers = {
    ...{ authorization: 'Bearer k', 'x-portkey-provider': 'openai' },
    'x-portkey-custom-host': `${engine}/v1`,
  }
  return { name: 'portkey', url, headers, pids: [child.pid ?? 0] }
}

async function untilAnswers(url: string, child: ChildProcess): Promise<void> {
  for (let i = 0; i < 200; i++) {
    if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}`)
    const isThere = await fetch(url).then(
      () => true,
      () => false,
    )
    if (isThere) return
    await new Promise((resolve) => {
      setTimeout(resolve, 50)
    })
  }
  throw new Error(`nothing answers at ${url} after ten seconds`)
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address()
      const port = typeof address === 'object' && address !== null ? address.port : 0
      server.close(() => resolve(port))
    })
  })
}

function end(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve()
    child.once('exit', () => resolve())
    child.kill('SIGTERM')
  })
}
