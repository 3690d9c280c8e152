// Smoke test on Node 24
//
// Fetches Node 24 from npm into a temporary folder and starts a control plane and a gateway with it. Where
// the registry cannot be reached, it says so and passes.

import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const folder = mkdtempSync(join(tmpdir(), 'tutti-node-24-'))
const tutti = 'packages/tutti/dist/main.js'
const name = `node-${process.platform}-${process.arch}`

try {
  writeFileSync(join(folder, 'package.json'), '{}')
  try {
    execFileSync('npm', ['install', '--no-save', '--prefix', folder, `${name}@24`], {
      stdio: 'ignore',
    })
  } catch {
    console.log(`Node 24: skipped, ${name}@24 could not be fetched from the package registry`)
    process.exit(0)
  }
  const node = join(folder, 'node_modules', name, 'bin', 'node')
  const version = execFileSync(node, ['--version'], { encoding: 'utf8' }).trim()
  // This engine's own parser takes the second name for the first one.
  const door = new URL('../packages/core/dist/resource/index.js', import.meta.url)
  const read = `import { parseJson } from '${door}'
    console.log(Object.keys(parseJson('[{"a":1,"message\\\\\\\\":2},{"x":{"a":1,"message\\\\u0073":2}}]')[1].x)[1])`
  const args24 = ['--input-type=module', '--eval', read]
  const name24 = execFileSync(node, args24, { encoding: 'utf8' }).trim()
  if (name24 !== 'messages') throw new Error(`it reads messages as ${name24}`)
  const home = join(folder, 'home')
  const args = [
    tutti,
    'up',
    '--home',
    home,
    '--no-node',
    '--port',
    '0',
    '--gateway-port',
    '0',
    '--json',
  ]
  const up = spawn(node, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  let said = ''
  for await (const chunk of up.stdout) {
    said += String(chunk)
    if (said.includes('startedMs')) break
  }
  const { 'control-plane': plane } = JSON.parse(said)
  const health = await fetch(`${plane}/healthz`)
  if (health.status !== 200) throw new Error(`the control plane answered ${health.status}`)
  execFileSync(node, [tutti, 'get', 'nodes', '--home', home])
  up.kill('SIGTERM')
  await once(up, 'exit')
  console.log(`Node 24: control plane and gateway start, answer and stop on ${version}`)
} finally {
  rmSync(folder, { recursive: true, force: true })
}
