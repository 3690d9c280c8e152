// What is published installs into an empty folder and runs from there.

import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'

const published = ['core', 'ledger', 'sdk', 'gateway', 'node', 'control-plane', 'tutti']
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
  const args = ['tutti', 'up', '--no-node', '--port', '0', '--gateway-port', '0', '--json']
  const up = spawn('npx', args, { cwd: app, env, detached: true })
  let said = ''
  up.stderr.on('data', (chunk) => {
    said += String(chunk)
  })
  for await (const chunk of up.stdout) {
    said += String(chunk)
    if (said.includes('startedMs')) break
  }
  expect(said).toContain('startedMs')
  const { 'control-plane': url } = JSON.parse(said.slice(said.indexOf('{'))) as Record<
    string,
    string
  >
  expect((await fetch(`${url}/healthz`)).status).toBe(200)
  const nodes = execFileSync('npx', ['tutti', 'get', 'nodes'], { cwd: app, env, encoding: 'utf8' })
  expect(nodes.trim()).toBe('none')
  if (up.pid !== undefined) process.kill(-up.pid, 'SIGTERM') // npx and what it started
  await once(up, 'exit')
})
