// What is published installs into an empty folder and runs from there.

import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, expect, test } from 'vitest'

const published = ['core', 'ledger', 'machine', 'sdk', 'gateway', 'node', 'control-plane', 'tutti']
const folder = mkdtempSync(join(tmpdir(), 'tutti-pack-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('npm pack of all packages, npm install of the tarballs, npx tutti up', {
  timeout: 240_000,
}, async () => {
  const home = join(folder, 'home')
  const app = join(folder, 'app')
  for (const one of [home, app]) mkdirSync(one)
  const env = { ...process.env, HOME: home, ONNXRUNTIME_NODE_INSTALL: 'skip' }
  const npm = (cwd: string, ...args: readonly string[]) =>
    execFileSync('npm', [...args, '--no-fund', '--no-audit'], { cwd, env, stdio: 'pipe' })
  for (const name of published)
    npm(`packages/${name}`, 'pack', '--pack-destination', folder, '--silent')
  const tarballs = readdirSync(folder).filter((name) => name.endsWith('.tgz'))
  expect(tarballs).toHaveLength(published.length)

  writeFileSync(join(app, 'package.json'), '{ "private": true }')
  npm(app, 'install', '--prefer-offline', ...tarballs.map((name) => join(folder, name)))
  const url = await startUp(app, env)
  expect((await fetch(`${url}/healthz`)).status).toBe(200)
  const nodes = execFileSync('npx', ['tutti', 'get', 'nodes'], { cwd: app, env, encoding: 'utf8' })
  expect(nodes.trim()).toBe('none')
})

const started: (() => Promise<void>)[] = []
afterEach(async () => {
  await Promise.all(started.splice(0).map((stop) => stop()))
})

/** Starts `npx tutti up` in a process group of its own, and gives the control plane's URL. */
async function startUp(cwd: string, env: NodeJS.ProcessEnv): Promise<string> {
  const args = ['tutti', 'up', '--no-node', '--port', '0', '--gateway-port', '0', '--json']
  const up = spawn('npx', args, { cwd, env, detached: true })
  const ended = once(up, 'exit')
  started.push(async () => {
    if (up.pid !== undefined && up.exitCode === null) process.kill(-up.pid, 'SIGTERM')
    await ended
  })
  let said = ''
  const ready = new Promise<void>((resolve) => {
    const take = (chunk: Buffer) => {
      said += String(chunk)
      if (said.includes('startedMs')) resolve()
    }
    up.stdout.on('data', take)
    up.stderr.on('data', take)
  })
  await Promise.race([ready, ended])
  expect(said).toContain('startedMs')
  const parsed: Record<string, string> = JSON.parse(said.slice(said.indexOf('{')))
  return parsed['control-plane'] ?? ''
}
