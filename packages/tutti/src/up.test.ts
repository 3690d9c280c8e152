// tutti up as a person starts it, and thinks better of it; who has its home, and who the folder of a node.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { didKeyOf, newPrivateKey, signerKeyFromSeed } from '@tutti/ledger'
import { afterAll, expect, test } from 'vitest'
import { writePrivate } from './home/index.ts'

const main = fileURLToPath(new URL('../dist/main.js', import.meta.url))
const home = mkdtempSync(join(tmpdir(), 'tutti-up-'))
afterAll(() => rmSync(home, { recursive: true, force: true }))

const stopping = 'stopping: each part ends what it has begun\n' // said at once, and once

test('whoever stops it while it starts leaves nobody behind, and no database', async () => {
  const ports = ['--port', '0', '--gateway-port', '0']
  const args = [main, 'up', '--home', basename(home), ...ports] // from where they are
  const cwd = dirname(home)
  const child = spawn(process.execPath, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] })
  const said = Promise.all([text(child.stdout), text(child.stderr)])
  const ended = once(child, 'exit')
  const database = join(home, 'control-plane', 'postgres', 'postmaster.pid')
  await expect.poll(() => existsSync(database)).toBe(true)
  child.kill('SIGINT') // whoever hears nothing asks again
  child.kill('SIGTERM')
  expect(await ended).toEqual([0, null])
  expect(existsSync(database)).toBe(false)
  expect(await said).toEqual(['', stopping])
})

test('Ctrl-C as its first part begins is no failure of that part', async () => {
  const folder = join(home, 'early')
  const args = [main, 'up', '--home', folder, '--port', '0', '--gateway-port', '0']
  const child = spawn(process.execPath, args, { detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
  const said = Promise.all([text(child.stdout), text(child.stderr)])
  const ended = once(child, 'exit')
  const log = join(folder, 'logs', 'control-plane.log') // is there before its process
  await expect.poll(() => existsSync(log), { interval: 1 }).toBe(true)
  await expect
    .poll(() => {
      const group = `/proc/${child.pid}/task/${child.pid}/children`
      return !existsSync('/proc') || readFileSync(group, 'utf8') !== ''
    })
    .toBe(true)
  process.kill(-Number(child.pid), 'SIGINT')
  expect(await ended).toEqual([0, null])
  expect(await said).toEqual(['', stopping])
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

test('where a node of this machine’s name is known already, as after a restore, it joins under another', async () => {
  const own = join(home, 'again')
  const args = [main, 'up', '--home', own, '--port', '0', '--gateway-port', '0']
  const start = async () => {
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    const ended = once(child, 'exit')
    const errors = text(child.stderr)
    const [said] = await Promise.race([once(child.stdout, 'data'), ended])
    expect(String(said)).toContain('Tutti is up')
    child.kill('SIGTERM')
    expect(await ended).toEqual([0, null])
    return await errors
  }
  const nameOf = () => JSON.parse(readFileSync(join(own, 'node', 'identity.json'), 'utf8')).name
  expect(await start()).toBe(stopping)
  const first = nameOf()
  rmSync(join(own, 'node'), { recursive: true }) // which no backup holds
  const why = `as there is a node ${first} already: if that is gone, tutti delete node ${first}`
  expect(await start()).toBe(`this machine joins as ${first}-2, ${why}\n${stopping}`)
  expect(nameOf()).toBe(`${first}-2`)
})

/** The folder of a node that has joined a control plane which is away. */
function joinedFolder(name: string): string {
  const folder = join(home, name)
  const pem = newPrivateKey().export({ type: 'pkcs8', format: 'pem' }).toString()
  const identity = {
    ...{ name, privateKey: pem, url: 'http://127.0.0.1:1', localKey: 'tutti_local_1' },
    controlPlane: didKeyOf(newPrivateKey()),
    ledger: signerKeyFromSeed('tutti.test/log', new Uint8Array(32), 'note').verifier.vkey,
  }
  writePrivate(join(folder, 'identity.json'), JSON.stringify(identity))
  return folder
}

test('the folder of a node is had by one node, until that is killed; the next to come is told whose it is', async () => {
  const data = joinedFolder('node-a')
  const args = [main, 'node', '--home', home, '--data', data]
  const start = async () => {
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'ignore'] })
    const ended = once(child, 'exit')
    const [said] = await Promise.race([once(child.stdout, 'data'), ended])
    expect(String(said)).toContain('node answers')
    return { child, ended }
  }
  const first = await start()
  const other = [main, 'join', '--home', home, '--data', data, '--token', 'tutti-join-e30']
  for (const command of [args, other]) {
    const second = spawn(process.execPath, command, { stdio: ['ignore', 'inherit', 'pipe'] })
    const refused = once(second, 'exit')
    const why = `tutti: tutti node runs in ${data}, as process ${first.child.pid}: stop it, or give`
    expect(await text(second.stderr)).toContain(`${why} this one another folder with --data`)
    expect(await refused).toEqual([1, null])
  }
  first.child.kill('SIGKILL')
  await first.ended
  const next = await start()
  next.child.kill('SIGTERM')
  expect(await next.ended).toEqual([0, null])
})

test('a node that has joined serves where it cannot mark its folder', async () => {
  const data = joinedFolder('node-b')
  mkdirSync(join(data, 'taken.1')) // which cannot be taken away as a file is, as on a full disk none is written
  const args = [main, 'node', '--home', home, '--data', data]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  const ended = once(child, 'exit')
  const said = text(child.stderr)
  await Promise.race([once(child.stdout, 'data'), ended])
  child.kill('SIGTERM')
  expect(await ended).toEqual([0, null])
  expect(await said).toContain(`see that no other runs in ${data}`)
})
