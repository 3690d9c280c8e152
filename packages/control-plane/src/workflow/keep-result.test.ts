import { createHash } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { collectBlobs } from '../governance/index.ts'
import { type Blobs, openBlobs } from '../store/index.ts'
import { openEgress, openReach } from './egress.ts'
import {
  bed,
  document,
  folder,
  journalOf,
  openEngine,
  programs,
  request,
  troubles,
  useDatabase,
} from './engine.fixture.ts'
import { keeping } from './keep-result.ts'
import { loadLineage, noteLineage } from './lineage.ts'
import { listRuns, loadRuns } from './load-runs.ts'
import { openLineageOf } from './open-lineage.ts'
import { performer } from './perform-act.ts'

useDatabase()

const chunk = Buffer.alloc(64 * 1024, 'tutti')
const chunks = 160 // 10 MB: far more than a journal
/** A host that gives much, and says of what it is given how much it was, and its digest. */
const host: { server: Server; url: string; asked: number } = {
  ...{ server: createServer(), url: '', asked: 0 },
}
let blobs: Blobs

beforeAll(async () => {
  blobs = await openBlobs(join(folder, 'blobs'))
  host.server.on('request', async (incoming, answer) => {
    host.asked += 1
    const hash = createHash('sha256')
    let bytes = 0
    for await (const part of incoming) {
      hash.update(part)
      bytes += part.length
    }
    if (incoming.url === '/fails') answer.writeHead(500).end('no')
    else if (incoming.url?.startsWith('/count')) answer.end(String(host.asked))
    else if (incoming.method === 'GET') {
      answer.writeHead(200, { 'content-type': 'application/x-weights' })
      for (let i = 0; i < chunks; i++) {
        if (!answer.write(chunk)) await new Promise((resolve) => answer.once('drain', resolve))
      }
      answer.end()
    } else {
      answer.writeHead(200, { 'content-type': 'application/json' })
      const type = incoming.headers['content-type']
      answer.end(JSON.stringify({ bytes, type, digest: `sha256:${hash.digest('hex')}` }))
    }
  })
  await new Promise<void>((resolve) => host.server.listen(0, '127.0.0.1', resolve))
  host.url = `http://127.0.0.1:${(host.server.address() as AddressInfo).port}`
})
afterAll(() => void host.server.close())

async function run(name: string, tasks: unknown, more: { nowMs?: () => number } = {}) {
  const ports = { sql: bed.database.sql, blobs, nowMs: more.nowMs ?? (() => Date.now()) }
  const act = keeping(
    ports,
    performer({
      ...ports,
      egress: openEgress({ allowPrivate: true }),
      reach: openReach({ allowPrivate: true }),
      inference: () => null,
      start: async () => '',
      newest: async () => null,
      outcome: async () => null,
    }),
  )
  const engine = await openEngine(programs(document(name, tasks)), act)
  const id = await engine.start(request(name))
  const outcome = await engine.outcomeOf(id)
  await engine.stop()
  return { id, outcome }
}

const http = (method: string, path: string, more: object = {}) => ({
  call: 'http',
  with: { method, endpoint: `${host.url}${path}`, ...more },
})
const kept = (task: object, tutti: object) => ({ ...task, metadata: { tutti } })

test('an artifact goes through three steps and leaves references in the journal', async () => {
  const tasks = [
    { fetch: kept(http('get', '/weights'), { artifact: { name: 'weights' } }) },
    { send: { ...http('post', '/', { body: '${ . }' }), export: { as: '{sent: .}' } } },
    { note: kept(http('post', '/', { body: 'short' }), { artifact: { name: 'note' } }) },
  ]
  const { id, outcome } = await run('artifact', tasks)
  const [, fetched, sent, noted] = (await journalOf(id)).map(({ output }) => Object(output))
  const sizeBytes = chunks * chunk.length
  expect(fetched).toMatchObject({ name: 'weights', mediaType: 'application/x-weights', sizeBytes })
  expect(sent).toEqual({
    bytes: sizeBytes,
    type: 'application/x-weights',
    digest: fetched.artifact,
  })
  expect(await blobs.size(fetched.artifact)).toBe(sizeBytes)
  expect(outcome).toEqual({ status: 'completed', output: noted })
  expect(JSON.parse((await blobs.read(noted.artifact)).toString())).toMatchObject({ bytes: 5 })
  expect(JSON.stringify(await journalOf(id)).length).toBeLessThan(10_000)
  const rows = await bed.database.sql`
    select key, kind, subject from workflow_lineage where run = ${id} order by key, kind`
  expect(rows).toEqual([
    { key: '/do/0/fetch', kind: 'writes', subject: fetched.artifact },
    { key: '/do/1/send', kind: 'reads', subject: fetched.artifact },
    { key: '/do/2/note', kind: 'writes', subject: noted.artifact },
  ])
  const { sql } = bed.database
  const of = async (subject: string) => {
    const runs = await listRuns(sql, { project: 'default', subjects: [subject], limit: 9 })
    return runs.map(({ head }) => head.id)
  }
  expect(await of(fetched.artifact)).toEqual([id])
  expect(await of('parts:v2')).toEqual([])
  const use = { run: { id, project: 'default' }, key: '/do/1/send', kind: 'uses' } as const
  await noteLineage(sql, { ...use, subject: 'parts:v2' }, 1)
  expect(await of('parts:v2')).toEqual([id])
  const [stored] = await loadRuns(sql, [id])
  const [begun, ended] = openLineageOf(stored ?? never(), await loadLineage(sql, id))
  const named = (namespace: string, name: string) => ({ namespace, name })
  expect(begun).toMatchObject({
    eventType: 'START',
    eventTime: expect.stringMatching(/^20.*Z$/),
    run: { runId: id },
    job: named('tutti://default', 'test.artifact:1.0.0'),
    inputs: expect.arrayContaining([
      named('tutti://default/models', 'parts:v2'),
      named('tutti://default/artifacts', fetched.artifact),
    ]),
  })
  expect(Object(begun).outputs).toHaveLength(2)
  expect(ended).toMatchObject({ eventType: 'COMPLETE' })
  const odd = { ...(stored ?? never()), outcome: null }
  const [only, none] = openLineageOf({ ...odd, head: { ...odd.head, id: 'a.b.cron.1' } }, [])
  expect(none).toBeUndefined()
  expect(Object(only).run.runId).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-/)
})

test('what an asset refers to is kept as long as the asset, also when the run is gone', async () => {
  const { sql } = bed.database
  const tutti = { artifact: { name: 'w' }, asset: { name: 'weights' } }
  const sent = http('post', '/', { body: 'content of its own' })
  const { id, outcome } = await run('weights', [{ sent: kept(sent, tutti) }])
  const { artifact } = Object(outcome).output
  await sql`delete from workflow_lineage where run = ${id}`
  const late = Date.now() + 2 * 86_400_000
  await collectBlobs(sql, blobs, late)
  expect(await blobs.size(artifact)).not.toBeNull()
  await sql`delete from workflow_asset where run = ${id}`
  await collectBlobs(sql, blobs, late)
  expect(await blobs.size(artifact)).toBeNull()
})

test('a reference that the project was not given is refused, and so is a failed answer', async () => {
  const artifact = `sha256:${'0'.repeat(64)}`
  const reference = { artifact, name: 'x', mediaType: 'text/plain', sizeBytes: 1 }
  const stolen = await run('stolen', [{ send: http('post', '/', { body: reference }) }])
  expect(stolen.outcome).toMatchObject({ error: { detail: `there is no artifact ${artifact}` } })
  async function* secret() {
    yield Buffer.from('of another project')
  }
  const other = await blobs.put(secret(), 1_000)
  const known = { ...reference, artifact: other.digest, sizeBytes: other.sizeBytes }
  const guessed = await run('guessed', [{ send: http('post', '/', { body: known }) }])
  expect(guessed.outcome).toMatchObject({
    error: { detail: `there is no artifact ${other.digest}` },
  })
  const failing = kept(http('get', '/fails'), { artifact: { name: 'x' } })
  expect((await run('failing', [{ failing }])).outcome).toMatchObject({ error: { status: 500 } })
  expect(troubles).toEqual([])
})

test('a result counts for the same call in other runs, as long as it says', async () => {
  let atMs = 1_000
  const nowMs = () => atMs
  const ask = (more: object = {}) => [
    { ask: kept(http('get', '/count'), { cache: { ttl: { minutes: 1 }, ...more } }) },
  ]
  const output = async (name: string, tasks: unknown) =>
    Object((await run(name, tasks, { nowMs })).outcome).output
  const first = await output('cached', ask())
  expect(await output('other', ask())).toBe(first)
  expect(await output('other', [{ ask: http('get', '/count') }])).not.toBe(first)
  atMs += 60_000
  const later = await output('cached', ask())
  expect(later).not.toBe(first)
  // With a key of its own it counts for this task alone, whatever else is asked.
  const keyed = (key: string, path: string) => [
    { ask: kept(http('get', path), { cache: { ttl: 'PT1M', key } }) },
  ]
  const own = await output('keyed', keyed('"a"', '/count?1'))
  expect(await output('keyed', keyed('"a"', '/count?2'))).toBe(own)
  expect(await output('keyed', keyed('"b"', '/count?1'))).not.toBe(own)
  expect(await output('others', keyed('"a"', '/count?1'))).not.toBe(own)
})

test('a result that refers to content that is gone is made anew', async () => {
  const tasks = [
    {
      ask: kept(http('post', '/', { body: 'gone' }), {
        cache: { ttl: 'PT1H' },
        artifact: { name: 'x' },
      }),
    },
  ]
  const first = Object((await run('gone', tasks)).outcome).output
  await blobs.collect(new Set(), Date.now() + 60_000)
  const before = host.asked
  expect(Object((await run('gone', tasks)).outcome).output).toEqual(first)
  expect(host.asked).toBe(before + 1)
  expect(await blobs.size(first.artifact)).toBe(first.sizeBytes)
})

function never(): never {
  throw new Error('the run is not there')
}
