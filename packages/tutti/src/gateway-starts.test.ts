// tutti gateway in its first second.

import { execFile, execFileSync, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, expect, test } from 'vitest'

const main = fileURLToPath(new URL('../dist/main.js', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'tutti-gateway-starts-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('SIGHUP ends it at no moment: it is heeded before anything is loaded', async () => {
  const say = 'console.log(name, process.moduleLoadList.includes("NativeModule http"))'
  const preload = `data:text/javascript,process.on("newListener", (name) => { ${say} })`
  const args = ['--import', preload, main, 'gateway', '--help']
  const { stdout } = await promisify(execFile)(process.execPath, args)
  expect(stdout).toMatch(/^SIGHUP false$/m)
})

test('SIGHUP while it reads its file has it read again', async () => {
  const config = join(folder, 'config.yaml')
  execFileSync('mkfifo', [config])
  const keyOf = (secret: string) => {
    const hash = `sha256:${createHash('sha256').update(secret).digest('hex')}`
    const spec = { owner: 'app', hash }
    return JSON.stringify({ apiVersion: 'tutti/v1', kind: 'Key', metadata: { name: 'app' }, spec })
  }
  const args = [main, 'gateway', '--home', folder, '--port', '0', '--config', config]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  const said = text(child.stderr)
  const ended = once(child, 'exit')
  const first = await open(config, 'w') // once it is opened to be read
  writeFileSync(`${config}.new`, keyOf('second'))
  renameSync(`${config}.new`, config)
  child.kill('SIGHUP')
  await first.writeFile(keyOf('first'))
  await first.close()
  const [line] = await Promise.race([once(child.stdout, 'data'), ended])
  const url = /answers at (\S+)/.exec(String(line))?.[1]
  const ask = async (secret: string) => {
    const headers = { authorization: `Bearer ${secret}` }
    return (await fetch(`${url}/v1/models`, { headers })).status
  }
  await expect.poll(() => ask('second')).toBe(200)
  expect(await ask('first')).toBe(401)
  child.kill('SIGTERM')
  expect([await ended, await said]).toEqual([[0, null], expect.not.stringContaining('not taken')])
})
