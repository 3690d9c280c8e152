// What is printed: nobody may read it any more, or its disk may have no room.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, test } from 'vitest'
import { describeError } from './failure.ts'
import { formatTable } from './home/index.ts'

const main = fileURLToPath(new URL('../dist/main.js', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'tutti-output-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const isLinux = process.platform === 'linux' // it alone has a full disk for everybody
const logs = ['logs', 'gateway', '--home', folder, '--tail', '100000']
mkdirSync(join(folder, 'logs'))
writeFileSync(join(folder, 'logs', 'gateway.log'), 'a line of the log\n'.repeat(100_000))

test('a command ends without a word once enough is read of it', async () => {
  const child = spawn(process.execPath, [main, ...logs], { stdio: ['ignore', 'pipe', 'pipe'] })
  const ended = once(child, 'exit')
  await once(child.stdout, 'data')
  child.stdout.destroy()
  expect(await text(child.stderr)).toBe('')
  expect(await ended).toEqual([0, null])
})

test.skipIf(!isLinux)('a command that cannot print what was asked for says so', async () => {
  const full = openSync('/dev/full', 'w')
  const child = spawn(process.execPath, [main, ...logs], { stdio: ['ignore', full, 'pipe'] })
  closeSync(full)
  if (child.stderr === null) throw new Error('it has a pipe')
  const ended = once(child, 'exit')
  expect(await text(child.stderr)).toMatch(/^tutti: what was asked for cannot be printed: ENOSPC/)
  expect(await ended).toEqual([1, null])
})

test('the logs of all parts are told by their names, and those moved away are none', async () => {
  const home = join(folder, 'several')
  const said = async (...args: readonly string[]) => {
    const child = spawn(process.execPath, [main, 'logs', '--home', home, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const ended = once(child, 'exit')
    const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)])
    return { out, err, code: (await ended)[0] }
  }
  expect(await said()).toMatchObject({
    out: '',
    err: expect.stringMatching(/no logs in .*several.*tutti up/s),
    code: 1,
  })
  mkdirSync(join(home, 'logs'), { recursive: true })
  writeFileSync(join(home, 'logs/gateway.log'), 'one\ntwo\n')
  writeFileSync(join(home, 'logs/gateway.log.1'), 'zero\n')
  expect(await said('--tail', '1')).toEqual({ out: 'two\n', err: '', code: 0 })
  writeFileSync(join(home, 'logs/node.log'), '')
  expect((await said()).out).toBe('gateway: one\ngateway: two\n')
})

const provider = '{ dialect: openai, baseUrl: "http://127.0.0.1:9/v1", allowPrivateNetwork: true }'
const config = join(folder, 'gateway.yaml')
writeFileSync(
  config,
  `{ apiVersion: tutti/v1, kind: Provider, metadata: { name: e }, spec: ${provider} }
---
apiVersion: tutti/v1
kind: Route
metadata: { name: r }
spec: { targets: [{ provider: e, model: m }] }
`,
)

test('a home that cannot be made is said with what to do', () => {
  const make = () => {
    try {
      return mkdirSync(join(config, 'home')) // within a file
    } catch (error) {
      return describeError(error)
    }
  }
  expect(make()).toMatch(
    /mkdir '.*': what Tutti keeps goes to .* --home or TUTTI_HOME say \[\w+\]$/,
  )
})

test.skipIf(!isLinux)('a full disk is said with what to do', () => {
  const write = () => {
    try {
      return writeFileSync('/dev/full', 'x')
    } catch (error) {
      return describeError(error)
    }
  }
  expect(write()).toMatch(/: make room; what Tutti keeps goes to ~\/.tutti, .* \[ENOSPC\]$/)
})

test.each(isLinux ? ['closed', 'full'] : ['closed'])(
  'a gateway goes on, its log %s',
  async (how) => {
    const stderr = how === 'full' ? openSync('/dev/full', 'w') : 'pipe'
    const args = [main, 'gateway', '--home', join(folder, how), '--port', '0', '--config', config]
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', stderr] })
    if (typeof stderr === 'number') closeSync(stderr)
    if (child.stdout === null) throw new Error('it has a pipe')
    const ended = once(child, 'exit')
    const [said] = await once(child.stdout, 'data')
    child.stdout.destroy()
    child.stderr?.destroy()
    const url = /http:\S+/.exec(String(said))?.[0]
    child.kill('SIGHUP') // it says something
    await expect.poll(async () => (await fetch(`${url}/v1/models`)).status).toBe(401)
    child.kill('SIGTERM')
    expect(await ended).toEqual([0, null])
  },
)

test.skipIf(!isLinux)('a control plane goes on, its log full', async () => {
  const home = join(folder, 'plane')
  const args = [main, 'control-plane', '--home', home, '--port', '0']
  const startAndStop = async () => {
    const full = openSync('/dev/full', 'w')
    const child = spawn(process.execPath, args, { stdio: ['ignore', full, full, 'ipc'] })
    closeSync(full)
    const ended = once(child, 'exit')
    const [{ ready }] = await Promise.race([once(child, 'message'), ended])
    expect((await fetch(`${ready}/healthz`)).status).toBe(200)
    child.kill('SIGTERM')
    expect(await ended).toEqual([0, null])
  }
  await startAndStop()
  // A home of former times: between its first line and its readiness it asks for a key.
  const credentials = join(home, 'credentials.json')
  const { workflow: _, ...former } = JSON.parse(readFileSync(credentials, 'utf8'))
  writeFileSync(credentials, JSON.stringify(former))
  await startAndStop()
})

test('a list of nothing says so, and has no headings', () => {
  expect(formatTable(['run', 'age'], [])).toBe('none')
  expect(formatTable(['run', 'age'], [{ run: 'a-run', age: '5s' }])).toBe('run     age\na-run   5s')
})
