// tutti gateway as a person runs it: alone with a file, several workers, one killed, the file changed while it serves.

import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { createHash, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { didKeyOf, newPrivateKey } from '@tutti/ledger'
import { afterEach, beforeEach, expect, test } from 'vitest'

const main = fileURLToPath(new URL('../dist/main.js', import.meta.url))
const hash = `sha256:${createHash('sha256').update('secret').digest('hex')}`
const callDollars = 0.000_05 // 40 tokens in, 10 out, a dollar a million

let folder = ''
let engine: Server
let engineUrl = ''
let calls = 0
let seenKey: string | undefined
let held: Promise<void> | null = null // answers wait for it

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tutti-gateway-alone-'))
  calls = 0
  held = null
  const message = { role: 'assistant', content: 'x' }
  const body = JSON.stringify({
    ...{
      id: 'c',
      object: 'chat.completion',
      choices: [{ index: 0, message, finish_reason: 'stop' }],
    },
    usage: { prompt_tokens: 40, completion_tokens: 10, total_tokens: 50 },
  })
  engine = createServer((request, response) => {
    calls += 1
    seenKey = request.headers.authorization
    request.resume().on('end', async () => {
      await held
      response.setHeader('content-type', 'application/json').end(body)
    })
  })
  await new Promise<void>((resolve) => engine.listen(0, '127.0.0.1', resolve))
  const address = engine.address()
  engineUrl = `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}/v1`
})

const children = new Set<ChildProcess>()
afterEach(async () => {
  for (const child of children) await ended(child, 'SIGTERM')
  children.clear()
  engine.closeAllConnections()
  engine.close()
  await expect.poll(left).toEqual([])
  rmSync(folder, { recursive: true, force: true })
})

/** Processes of this test, which Linux alone tells. */
function left(): string[] {
  if (process.platform !== 'linux') return []
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  return pids.filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(folder)
    } catch {
      return false // it has ended meanwhile
    }
  })
}

function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve(child.exitCode)
  return new Promise((resolve) => {
    child.once('exit', (code) => resolve(code))
    child.kill(signal)
  })
}

function writeConfig(of: {
  readonly limitDollars?: number
  readonly requestsPerMinute?: number
}): string {
  const path = join(folder, 'gateway.json')
  const document = (kind: string, name: string, spec: object) => ({
    ...{ apiVersion: 'tutti/v1', kind, metadata: { name }, spec },
  })
  const { limitDollars, requestsPerMinute } = of
  const price = { inputPerMillion: 1, outputPerMillion: 1 }
  const provider = {
    dialect: 'openai',
    baseUrl: engineUrl,
    allowPrivateNetwork: true,
    secret: 'the-engine',
  }
  const limits = requestsPerMinute === undefined ? {} : { limits: { requestsPerMinute } }
  const documents = [
    document('Provider', 'engine', provider),
    document('Route', 'chat', { targets: [{ provider: 'engine', model: 'llama', price }] }),
    document('Key', 'app', { owner: 'app', hash, ...limits }),
    ...(limitDollars === undefined
      ? []
      : [document('Budget', 'all', { limitDollars, window: 'total' })]),
  ]
  writeFileSync(path, documents.map((one) => JSON.stringify(one)).join('\n---\n'))
  return path
}

interface Running {
  readonly child: ChildProcess
  readonly url: string
  /** Resolves with the pids of the processes that began to serve, once there are so many. */
  readonly serving: (count: number) => Promise<number[]>
  /** Once its log has such a line. */
  readonly told: (what: RegExp) => Promise<void>
}

function run(...args: readonly string[]): Promise<Running> {
  const env = { ...process.env, TUTTI_SECRET_THE_ENGINE: 'engine-key' }
  const all = [main, 'gateway', '--home', join(folder, 'home'), '--port', '0', ...args]
  const stdio = ['ignore', 'pipe', 'pipe'] as const
  const child = spawn(process.execPath, all, { env, stdio: [...stdio], detached: true })
  children.add(child)
  let err = ''
  const waiters = new Set<() => void>()
  child.stderr.on('data', (bytes) => {
    err += String(bytes)
    for (const wake of waiters) wake()
  })
  const pids = () =>
    [...err.matchAll(/"event":"serving".*"pid":(\d+)/g)].map(([, pid]) => Number(pid))
  const serving = (count: number) =>
    new Promise<number[]>((resolve) => {
      const look = () => {
        if (pids().length < count) return
        waiters.delete(look)
        resolve(pids())
      }
      waiters.add(look)
      look()
    })
  const told = (what: RegExp) => expect.poll(() => err).toMatch(what)
  return new Promise((resolve, reject) => {
    let out = ''
    child.stdout.on('data', (bytes) => {
      out += String(bytes)
      const url = /answers at (\S+)/.exec(out)?.[1]
      if (url !== undefined) resolve({ child, url, serving, told })
    })
    child.once('exit', (code) => reject(new Error(`it ended with ${code}: ${err}`)))
  })
}

/** The status, or 0 where the connection broke; 503 until the snapshot has come. */
async function ask({ url }: Running): Promise<number> {
  const body = JSON.stringify({ model: 'chat', messages: [], max_tokens: 10 })
  const headers = { authorization: 'Bearer secret', connection: 'close' }
  return await fetch(`${url}/v1/chat/completions`, { method: 'POST', headers, body }).then(
    ({ status }) => status,
    () => 0,
  )
}

/** Of two workers each has its snapshot, and serves. */
const bothTook = /(?:"event":"snapshot"[\s\S]*){2}/

/** The status of what asks no engine, or 0 where nobody took the connection. */
async function list({ url }: Running): Promise<number> {
  const headers = { authorization: 'Bearer secret', connection: 'close' }
  return await fetch(`${url}/v1/models`, { headers }).then(
    ({ status }) => status,
    () => 0,
  )
}

test('alone with a file it serves with its keys, and takes the file again on SIGHUP', async () => {
  const config = writeConfig({ limitDollars: 0 })
  const running = await run('--config', config)
  await expect.poll(() => ask(running)).toBe(429)
  expect(calls).toBe(0)
  writeFileSync(config, '{"kind":')
  running.child.kill('SIGHUP') // a file that cannot be read changes nothing, and that is said
  await running.told(/"event":"the file is not taken in".*"reason":".*line 1/)
  await expect.poll(() => ask(running)).toBe(429)
  writeConfig({})
  running.child.kill('SIGHUP')
  await expect.poll(() => ask(running)).toBe(200)
  expect(seenKey).toBe('Bearer engine-key')
  expect(await ended(running.child, 'SIGTERM')).toBe(0)
})

test('a worker that is killed takes no money along and is started again; no more is spent than there is', async () => {
  const limitDollars = 0.02
  const running = await run('--config', writeConfig({ limitDollars }), '--workers', '2')
  const [first = 0] = await running.serving(2)
  const statuses: number[] = []
  const work = async () => {
    for (let i = 0; i < 150; i++) statuses.push(await ask(running))
  }
  const all = Promise.all([work(), work(), work(), work()])
  await expect.poll(() => calls).toBeGreaterThan(40)
  process.kill(first, 'SIGKILL')
  await running.serving(3)
  await all
  expect(statuses).toContain(429)
  expect(calls * callDollars).toBeLessThanOrEqual(limitDollars)
  expect(calls * callDollars).toBeGreaterThan(limitDollars / 2) // one lease is lost, not the budget
  // and the accounts outlive all of them
  await ended(running.child, 'SIGKILL')
  const before = calls
  const again = await run('--config', writeConfig({ limitDollars }))
  await expect.poll(() => ask(again)).not.toBe(503)
  for (let i = 0; i < 60; i++) await ask(again)
  expect(calls).toBeGreaterThanOrEqual(before)
  expect(calls * callDollars).toBeLessThanOrEqual(limitDollars)
})

test('of all workers whoever is asked tells the requests and counts, and each to come', async () => {
  const running = await run('--config', writeConfig({}), '--workers', '2')
  const [first = 0] = await running.serving(2)
  await expect.poll(() => ask(running)).toBe(200)
  const headers = { authorization: 'Bearer secret', connection: 'close' }
  const get = async (path: string) => await fetch(running.url + path, { headers })
  const linesIn = (text: string) => text.split('\n').filter((line) => line !== '')
  const records = async () => linesIn(await (await get('/v1/requests?limit=999')).text())
  const answered = (text: string) =>
    linesIn(text)
      .filter((line) => /^tutti_gateway_requests_total\{worker="[12]".*status="200"/.test(line))
      .reduce((sum, line) => sum + Number(line.split(' ')[1]), 0)
  // Until each has answered some, and knows of the other.
  const both = async () => {
    await ask(running)
    const text = await (await get('/metrics')).text()
    return [1, 2].every((place) => text.includes(`requests_total{worker="${place}"`))
  }
  await expect.poll(both).toBe(true)
  const isTold = async () => {
    const counts = new Set<number>()
    for (let i = 0; i < 10; i++) counts.add((await records()).length)
    return counts.size
  }
  await expect.poll(isTold).toBe(1) // each of them knows of the other
  const all = (await records()).map((line) => JSON.parse(line))
  for (let i = 0; i < 6; i++) {
    expect(await records()).toHaveLength(all.length)
    expect(answered(await (await get('/metrics')).text())).toBe(all.length)
    expect((await get(`/v1/requests/${all[0].id}`)).status).toBe(200)
  }
  expect(all.map(({ atMs }) => atMs)).toEqual(all.map(({ atMs }) => atMs).sort((a, b) => a - b))
  const tail = await get('/v1/requests?limit=2&follow=true')
  let text = ''
  const listen = async () => {
    for await (const chunk of tail.body ?? []) text += Buffer.from(chunk).toString()
  }
  const over = listen().catch(() => {}) // its worker may be the one that is killed below
  await expect.poll(() => linesIn(text).length).toBe(2)
  const before = calls
  for (let i = 0; i < 12; i++) await ask(running)
  await expect.poll(() => linesIn(text).length).toBe(2 + calls - before)
  process.kill(first, 'SIGKILL') // whoever comes in its place is asked, too
  await running.serving(3)
  await expect.poll(both).toBe(true)
  await ended(running.child, 'SIGTERM')
  await over
})

test('alone it tells what all workers used, while they work and after kill -9', async () => {
  const running = await run('--config', writeConfig({}), '--workers', '2')
  await running.serving(2)
  await expect.poll(() => ask(running)).toBe(200)
  for (let i = 0; i < 20; i++) expect(await ask(running)).toBe(200)
  const used = [
    {
      ...{ key: 'app', model: 'engine/llama', requests: calls, failed: 0, unpriced: 0 },
      ...{ inputTokens: 40 * calls, outputTokens: 10 * calls, cachedTokens: 0 },
      costDollars: expect.closeTo(calls * callDollars, 9),
    },
  ]
  await expect.poll(() => usageOf(running)).toEqual(used)
  await ended(running.child, 'SIGKILL')
  const again = await run('--config', writeConfig({}))
  await expect.poll(() => ask(again)).toBe(200)
  await ended(again.child, 'SIGTERM') // which says the last of it
  const counted = calls
  const hourMs = Math.floor(Date.now() / 3_600_000) * 3_600_000
  const other = { project: 'default', key: 'app', route: 'chat', model: 'engine/llama', hourMs }
  leaveReport('worker-7', { ...other, requests: 3, inputTokens: 120 }) // of more workers once
  const third = await run('--config', writeConfig({}))
  const all = { requests: counted + 3, inputTokens: 40 * (counted + 3) }
  await expect.poll(() => usageOf(third)).toMatchObject([all])
})

/** Requests at two workers, whose engine answers once it is released. */
async function askedOfTwo() {
  const running = await run('--config', writeConfig({}), '--workers', '2')
  await running.serving(2)
  await running.told(bothTook)
  let release = () => {}
  held = new Promise((resolve) => {
    release = resolve
  })
  const asked = Array.from({ length: 8 }, () => ask(running))
  await expect.poll(() => calls).toBe(8)
  return { running, asked, release }
}

test('workers whose starter is killed answer what is under way, and the next tells what it used', async () => {
  const { running, asked, release } = await askedOfTwo()
  await ended(running.child, 'SIGKILL')
  await expect.poll(() => list(running)).toBe(0) // they take nothing more
  release()
  expect(await Promise.all(asked)).toEqual(asked.map(() => 200))
  await expect.poll(() => shelved()).toBe(8)
  const again = await run('--config', writeConfig({}))
  await expect.poll(() => usageOf(again)).toMatchObject([{ requests: 8 }])
})

test.each(['SIGINT', 'SIGTERM'] as const)(
  '%s to all processes at once, as from a terminal or a supervisor, cuts nobody',
  async (signal) => {
    const { running, asked, release } = await askedOfTwo()
    const exited = once(running.child, 'exit')
    process.kill(-(running.child.pid ?? 0), signal) // its group
    await expect.poll(() => list(running)).toBe(0) // they take nothing more
    release()
    expect(await Promise.all(asked)).toEqual(asked.map(() => 200))
    expect(await exited).toEqual([0, null])
  },
  60_000,
)

test('what is cut at the end of a drain is in the accounts, and its lease is given back', async () => {
  const running = await run('--config', writeConfig({ limitDollars: 1 }), '--drain', '1')
  await expect.poll(() => list(running)).toBe(200)
  held = new Promise(() => {})
  const asked = Array.from({ length: 3 }, () => ask(running))
  await expect.poll(() => calls).toBe(3)
  expect(await ended(running.child, 'SIGTERM')).toBe(0)
  expect(await Promise.all(asked)).toEqual([0, 0, 0])
  const [, ...lines] = readFileSync(join(folder, 'home/gateway/leases.json'), 'utf8').split('\n')
  const changes: { kind: string; lease: string }[] = lines
    .filter(Boolean)
    .flatMap((line) => JSON.parse(line))
  const leases = (kind: string) =>
    changes.filter((one) => one.kind === kind).map(({ lease }) => lease)
  expect(leases('opened')).toHaveLength(1)
  expect(leases('ended')).toEqual(leases('opened'))
  const again = await run('--config', writeConfig({ limitDollars: 1 }))
  await expect.poll(() => usageOf(again)).toMatchObject([{ requests: 3 }])
})

test.skipIf(process.platform !== 'linux')(
  'whoever is killed while its workers start leaves none',
  async () => {
    const args = ['--config', writeConfig({}), '--workers', '3']
    const running = run(...args).catch(() => {})
    await expect.poll(() => left().length, { interval: 5 }).toBeGreaterThan(1)
    for (const child of children) child.kill('SIGKILL')
    await running
    await expect.poll(left).toEqual([])
  },
)

/** How many requests are on disk that nobody has taken into account. */
function shelved(): number {
  const folders = [1, 2].map((place) => join(folder, `home/gateway/worker-${place}/alone/usage`))
  const files = folders.flatMap((path) =>
    existsSync(path) ? readdirSync(path).map((name) => join(path, name)) : [],
  )
  const rows = files.flatMap((path): { requests: number }[] =>
    path.endsWith('.json') ? JSON.parse(readFileSync(path, 'utf8')).rows : [],
  )
  return rows.reduce((sum, { requests }) => sum + requests, 0)
}

/** As a worker leaves what nobody has taken. */
function leaveReport(worker: string, row: object): void {
  const nothing = { failed: 0, inputTokens: 0, outputTokens: 0, cachedTokens: 0 }
  const rows = [{ ...nothing, costNanos: 0, unpriced: 0, ...row }]
  const usage = join(folder, 'home/gateway', worker, 'alone/usage')
  mkdirSync(usage, { recursive: true })
  const report = { gateway: randomUUID(), sequence: 1, rows }
  writeFileSync(join(usage, `${report.gateway}-0000000001.json`), JSON.stringify(report))
}

async function usageOf({ url }: Running): Promise<unknown> {
  const args = ['usage', '--gateway', url, '--key', 'secret', '--by', 'key,model', '--json']
  const { stdout } = await promisify(execFile)(process.execPath, [main, ...args])
  return JSON.parse(stdout).rows
}

test('the limits of a key hold for all workers together', async () => {
  const running = await run('--config', writeConfig({ requestsPerMinute: 20 }), '--workers', '2')
  const pids = await running.serving(2)
  const isLinux = process.platform === 'linux' // it alone tells
  const environs = isLinux ? pids.map((pid) => readFileSync(`/proc/${pid}/environ`, 'latin1')) : []
  for (const environ of environs) expect(environ).toContain('MALLOC_TRIM_THRESHOLD_=') // and spare memory
  await expect.poll(() => ask(running)).toBe(200)
  let passed = 1
  for (let i = 0; i < 80; i++) {
    if ((await ask(running)) === 200) passed += 1
    await new Promise((resolve) => setImmediate(resolve))
  }
  expect(passed).toBeLessThan(40) // less than each of them would let through
  await expect.poll(() => ask(running)).toBe(429)
})

test('what cannot start ends, alone and with workers, so that its supervisor hears of it', async () => {
  const port = new URL(engineUrl).port
  const args = ['--config', writeConfig({}), '--port', port]
  await expect(run(...args)).rejects.toThrow(/ended with 1: .*another process has it/s)
  // Several, of which some still start as the first of them ends all.
  const many = run(...args, '--workers', '6')
  await expect(many).rejects.toThrow(/ended with 1: .*another process/s)
})

test('it follows a control plane, or a file, and not both', async () => {
  const away = ['--control-plane', 'http://127.0.0.1:1', '--key', 'k']
  await expect(run(...away)).rejects.toThrow(/ended with 1: .*127\.0\.0\.1:1/s)
  await expect(run(...away, '--config', writeConfig({}))).rejects.toThrow(/give one of them/)
  for (const [option, nowhere] of [
    ['--control-plane', 'nope'],
    ['--url', 'localhost:7070'],
  ] as const) {
    const why = `ended with 1: tutti: ${option}: expected http(s)://host:port, got ${nowhere} [`
    await expect(run(option, nowhere, '--key', 'k')).rejects.toThrow(
      `${why}tutti/argument-invalid]`,
    )
  }
})

test.each([1, 2])(
  'SIGHUP ends none of %d that follow a control plane',
  async (workers) => {
    const pinned = join(folder, 'home/gateway')
    mkdirSync(pinned, { recursive: true })
    writeFileSync(join(pinned, 'control-plane.key'), didKeyOf(newPrivateKey()))
    const away = ['--control-plane', 'http://127.0.0.1:1', '--key', 'k', '--workers', `${workers}`]
    const running = await run(...away)
    for (const pid of await running.serving(workers)) process.kill(pid, 'SIGHUP')
    running.child.kill('SIGHUP')
    await running.told(/there is nothing to read again/)
    expect(await ask(running)).toBe(503) // it has no snapshot, and says so
    expect(await ended(running.child, 'SIGTERM')).toBe(0)
    expect(await running.serving(workers)).toHaveLength(workers) // none was started again
  },
  40_000,
)

test('a control plane that refuses its key ends it at the start, and not where it holds a snapshot', async () => {
  const body = JSON.stringify({ error: { code: 'api/forbidden', message: 'denied by roles' } })
  const plane = createServer((_, response) => response.writeHead(403).end(body))
  await once(plane.listen(0, '127.0.0.1'), 'listening')
  const address = plane.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  try {
    const pinned = join(folder, 'home/gateway')
    mkdirSync(pinned, { recursive: true })
    writeFileSync(join(pinned, 'control-plane.key'), didKeyOf(newPrivateKey()))
    const args = ['--control-plane', `http://127.0.0.1:${port}`, '--key', 'k']
    const why = /ended with 1: .*refuses this gateway's key: 403: .*denied by roles.*sdk.refused/s
    await expect(run(...args)).rejects.toThrow(why)
    writeFileSync(join(pinned, 'snapshot.json'), '[]')
    const running = await run(...args)
    await running.told(/"the control plane refuses this gateway's key: .*403: .*denied by roles/)
  } finally {
    plane.closeAllConnections()
    plane.close()
  }
})

test('a file that declares what cannot be served is refused with all that is wrong', async () => {
  const path = join(folder, 'bad.yaml')
  const target = '{ provider: gone, model: m }'
  writeFileSync(
    path,
    `apiVersion: tutti/v1\nkind: Route\nmetadata: { name: r }\nspec: { targets: [${target}] }\n`,
  )
  await expect(run('--config', path)).rejects.toThrow(/no Provider gone/)
  rmSync(path)
  await expect(run('--config', folder)).rejects.toThrow(/expected .yaml, .yml or .json files in it/)
})
