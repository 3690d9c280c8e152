// tutti up as a person starts it, and thinks better of it.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, test } from 'vitest'

const main = fileURLToPath(new URL('../dist/main.js', import.meta.url))
const home = mkdtempSync(join(tmpdir(), 'tutti-up-'))
afterAll(() => rmSync(home, { recursive: true, force: true }))

test('whoever stops it while it starts leaves nobody behind, and no database', async () => {
  const ports = ['--port', '0', '--gateway-port', '0']
  const args = [main, 'up', '--home', home, ...ports]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  const said = Promise.all([text(child.stdout), text(child.stderr)])
  const ended = once(child, 'exit')
  const database = join(home, 'control-plane', 'postgres', 'postmaster.pid')
  await expect.poll(() => existsSync(database), { timeout: 30_000 }).toBe(true)
  child.kill('SIGTERM')
  expect(await ended).toEqual([0, null])
  expect(existsSync(database)).toBe(false)
  expect(await said).toEqual(['', ''])
})
