// A Postgres of one's own, reached by its URL over TCP; and what is said when it cannot be used.

import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startControlPlane } from '../start.ts'
import { openDatabase } from './database.ts'
import { type RunningPostgres, startEmbeddedPostgres } from './embedded-postgres.ts'

const folder = mkdtempSync(join(tmpdir(), 'tutti-url-'))
let running: RunningPostgres
let front: Server
let url = ''

beforeAll(async () => {
  running = await startEmbeddedPostgres(join(folder, 'elsewhere'))
  front = createServer((socket) => {
    const inner = connect(running.socketPath)
    socket.pipe(inner).pipe(socket)
    socket.on('error', () => inner.destroy())
    inner.on('error', () => socket.destroy())
  }).listen(0, '127.0.0.1')
  await once(front, 'listening')
  url = `postgres://tutti:a-password@127.0.0.1:${(front.address() as AddressInfo).port}/postgres`
})
afterAll(async () => {
  front.close()
  await running.stop()
  rmSync(folder, { recursive: true, force: true })
})

const planeOn = (dataFolder: string) =>
  startControlPlane({
    ...{ dataFolder: join(folder, dataFolder), databaseUrl: url, host: '127.0.0.1', port: 0 },
    ...{ version: 'test', logLevel: 'silent' },
  })

test('a control plane keeps its state in the database of the URL, and leaves it running', async () => {
  const first = await planeOn('home')
  const authorization = `Bearer ${first.credentials?.admin}`
  const made = await fetch(`${first.url}/api/v1/projects/kept`, {
    method: 'PUT',
    headers: { authorization },
    body: JSON.stringify({ apiVersion: 'tutti/v1', kind: 'Project', metadata: { name: 'kept' } }),
  })
  expect(made.status).toBe(201)
  await first.stop()
  const second = await planeOn('home')
  expect(second.credentials).toBeNull()
  const held = await fetch(`${second.url}/api/v1/projects/kept`, { headers: { authorization } })
  expect(held.status).toBe(200)
  await second.stop()
})

test('a database that was begun with other keys is not taken over', async () => {
  await expect(planeOn('stranger')).rejects.toMatchObject({ code: 'control-plane/keys-foreign' })
  await (await planeOn('home')).stop()
})

test('no message shows the password', async () => {
  const database = await openDatabase({ url, dataFolder: folder })
  expect(database.describe).not.toContain('a-password')
  await database.stop()
  const port = (front.address() as AddressInfo).port
  const nowhere = url.replace(`:${port}/`, ':9/')
  const failure = openDatabase({ url: nowhere, dataFolder: folder })
  await expect(failure).rejects.toMatchObject({ code: 'control-plane/database-unreachable' })
  await expect(failure).rejects.not.toThrow('a-password')
})

test('a database that a newer version has migrated is left alone', async () => {
  const database = await openDatabase({ url, dataFolder: folder })
  await database.sql`insert into migration (number, name) values (9999, 'of the future')`
  await expect(openDatabase({ url, dataFolder: folder })).rejects.toThrow('upgrade Tutti')
  await database.sql`delete from migration where number = 9999`
  await database.stop()
})
