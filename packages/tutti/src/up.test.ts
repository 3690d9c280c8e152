// tutti up as a person starts it, and thinks better of it.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, test } from 'vitest'

const main = fileURLToPath(new URL('../dist/main.js', import.meta.url))
const home = mkdtempSync(join(tmpdir(), 'tutti-up-'))
afterAll(() => rmSync(home, { recursive: true, force: true }))

test('whoever stops it while it starts leaves nobody behind, and no database', async () => {
  const ports = ['--port', '0', '--gateway-port', '0']
  const args = [main, 'up', '--home', basename(home), ...ports] // from where they are
  const cwd = dirname(home)
  const child = spawn(process.execPath, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] })
  const said = Promise.all([text(child.stdout), text(child.stderr)])
  const ended = once(child, 'exit')
  const database = join(home, 'control-plane', 'postgres', 'postmaster.pid')
  await expect.poll(() => existsSync(database), { timeout: 30_000 }).toBe(true)
  child.kill('SIGTERM')
  expect(await ended).toEqual([0, null])
  expect(existsSync(database)).toBe(false)
  expect(await said).toEqual(['', ''])
})

test('a second one in its home is refused, whatever its ports, and changes nothing there', async () => {
  const args = [main, 'up', '--home', home, '--port', '0', '--gateway-port', '0', '--no-node']
  const first = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = once(first, 'exit')
  const [said] = await Promise.race([once(first.stdout, 'data'), ended])
  expect(String(said)).toContain('Tutti is up')
  const context = readFileSync(join(home, 'context.json'), 'utf8')
  const second = spawn(process.execPath, args, { stdio: ['ignore', 'inherit', 'pipe'] })
  const refused = once(second, 'exit')
  const why = `tutti: tutti up runs in ${home}, as process ${first.pid}: `
  expect(await text(second.stderr)).toContain(why)
  expect(await refused).toEqual([1, null])
  expect(readFileSync(join(home, 'context.json'), 'utf8')).toBe(context)
  const plane = [main, 'control-plane', '--home', home, '--port', '0']
  const beside = spawn(process.execPath, plane, { stdio: ['ignore', 'inherit', 'pipe'] })
  const alsoRefused = once(beside, 'exit')
  expect(await text(beside.stderr)).toContain(why)
  expect(await alsoRefused).toEqual([1, null])
  first.kill('SIGTERM')
  expect(await ended).toEqual([0, null])
  expect(readdirSync(home).filter((name) => name.startsWith('tak'))).toEqual([])
})

test('a control plane has its home for itself, like tutti up', async () => {
  const args = [main, 'control-plane', '--home', home, '--port', '0', '--log-level', 'error']
  const first = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = once(first, 'exit')
  await once(first.stdout, 'data')
  for (const command of [args, [main, 'up', '--home', home]]) {
    const second = spawn(process.execPath, command, { stdio: ['ignore', 'inherit', 'pipe'] })
    const refused = once(second, 'exit')
    const why = `tutti: tutti control-plane runs in ${home}, as process ${first.pid}: `
    expect(await text(second.stderr)).toContain(why)
    expect(await refused).toEqual([1, null])
  }
  first.kill('SIGTERM')
  expect(await ended).toEqual([0, null])
})
