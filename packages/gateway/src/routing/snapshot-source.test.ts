import type { ServerResponse } from 'node:http'
import type { Snapshot } from '@tutti/core/routing'
import { didKeyOf } from '@tutti/ledger'
import { expect, test } from 'vitest'
import { cleanups, newFolder, serve, signed, signer, snapshotOf } from '../gateway-world.fixture.ts'
import { Wakes } from '../wakes.fixture.ts'
import { SnapshotSource } from './snapshot-source.ts'

test('a key that is refused is said, once until it is known again, and not taken for an absence', async () => {
  const refuse = (status: number) => (response: ServerResponse) =>
    response.writeHead(status).end('{"error":{}}')
  const tell = (sequence: number) => (response: ServerResponse) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.end(`event: snapshot\ndata: ${signed(snapshotOf({ sequence }))}\n\n`)
  }
  const leave = (response: ServerResponse) => response.destroy()
  const answers = [tell(1), refuse(401), refuse(401), leave, tell(2)]
  const last = refuse(403)
  const { url } = await serve((request, response) => {
    if (request.method === 'POST') return response.writeHead(404).end()
    return (answers.shift() ?? last)(response)
  })
  const said: string[] = []
  const wakes = new Wakes()
  const source = new SnapshotSource({
    ...{ url, key: 'k', controlPlane: didKeyOf(signer), folder: newFolder(), version: '0' },
    onSnapshot: ({ sequence }) => said.push(`snapshot ${sequence}`),
    log: (event, { reason }) => {
      if (event !== 'snapshot') said.push(`${event.split(':')[0]}: ${reason}`)
      wakes.wake()
    },
  })
  cleanups.push(() => source.stop())
  source.start('http://127.0.0.1:1')
  const refused = (status: number) =>
    `the control plane refuses this gateway's key: ${status}: {"error":{}}`
  const away = expect.stringMatching(/^the control plane is away: /)
  await wakes.until(() => said.length >= 5)
  expect(said).toEqual(['snapshot 1', refused(401), away, 'snapshot 2', refused(403)])
})

test('a snapshot of many megabytes is taken in as it comes, in small pieces', async () => {
  const servingToken = 'x'.repeat(24 * 2 ** 20)
  const { url } = await serve((_, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write(`event: snapshot\ndata: ${signed(snapshotOf({ servingToken }))}\n\n`)
  })
  const taken = await new Promise<Snapshot>((resolve) => {
    const source = new SnapshotSource({
      ...{ url, key: 'k', controlPlane: didKeyOf(signer), folder: newFolder(), version: '0' },
      onSnapshot: resolve,
      log: () => {},
    })
    cleanups.push(() => source.stop())
    source.start('http://127.0.0.1:1')
  })
  expect(taken.servingToken === servingToken).toBe(true)
})

test('what it serves from is told where it is news, and why it refused what came last, again until it is heard', async () => {
  const told: unknown[] = []
  let write = (_: string) => {}
  const statuses = [500, 204, 404]
  const { url } = await serve((request, response, body) => {
    if (request.method === 'POST') {
      told.push(JSON.parse(body))
      return response.writeHead(statuses.shift() ?? 204).end()
    }
    const query = new URL(request.url ?? '', 'http://plane').searchParams
    told.push(Object.fromEntries([...query].filter(([name]) => name !== 'host')))
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    write = (text) => response.write(text)
    return response.write(': keep-alive\n\n')
  })
  const source = new SnapshotSource({
    ...{ url, key: 'k', controlPlane: didKeyOf(signer), folder: newFolder(), version: '1.2.3' },
    ...{ worker: 3, onSnapshot: () => {}, log: () => {} },
  })
  cleanups.push(() => source.stop())
  source.start('http://127.0.0.1:1')
  const until = (count: number) => expect.poll(() => told.length).toBe(count)
  await until(2) // a 500
  const { gateway } = told[0] as { gateway: string }
  const plane = { watch: 'true', relay: 'http://127.0.0.1:1', version: '1.2.3', worker: '3' }
  expect(told[0]).toEqual({ ...plane, gateway })
  const none = { gateway, sequence: null, refused: null }
  expect(told[1]).toEqual(none)
  const later = async (text: string, count: number) => {
    const begun = told.length
    await expect
      .poll(() => {
        write(text) // the last one may be on its way still
        return told.length
      })
      .toBe(begun + count)
  }
  await later(': keep-alive\n\n', 1)
  expect(told[2]).toEqual(none)
  write(`event: snapshot\ndata: ${signed(snapshotOf({ sequence: 7 }))}\n\n`)
  await until(4)
  expect(told[3]).toEqual({ gateway, sequence: 7, refused: null }) // a 404, of a plane of before
  write(': keep-alive\n\n')
  const forged = JSON.stringify({ payload: '{}', signature: 'x' })
  write(`event: snapshot\ndata: ${forged}\n\n`)
  await until(5)
  expect(told[4]).toEqual({
    ...{ gateway, sequence: 7, refused: `it is not signed by ${didKeyOf(signer)}` },
  })
})
