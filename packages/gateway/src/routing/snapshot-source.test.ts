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
  const { url } = await serve((_, response) => (answers.shift() ?? last)(response))
  const said: string[] = []
  const wakes = new Wakes()
  const source = new SnapshotSource({
    ...{ url, key: 'k', controlPlane: didKeyOf(signer), folder: newFolder() },
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
      ...{ url, key: 'k', controlPlane: didKeyOf(signer), folder: newFolder() },
      onSnapshot: resolve,
      log: () => {},
    })
    cleanups.push(() => source.stop())
    source.start('http://127.0.0.1:1')
  })
  expect(taken.servingToken === servingToken).toBe(true)
})
