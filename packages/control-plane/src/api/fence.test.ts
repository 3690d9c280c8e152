// What callers must not see, and what must not break the API: fences, dry runs, odd requests.

import { request } from 'node:http'
import { canonicalJson } from '@tutti/core/resource'
import { commit, leafHash, openCheckpoint, parseVerifierKey, verifyInclusion } from '@tutti/ledger'
import { describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import {
  apply,
  bed,
  call,
  makeKey,
  pushModel,
  readLog,
  sha256,
  usePlane,
} from '../test-plane.fixture.ts'

usePlane()

const provider = { dialect: 'openai', baseUrl: 'http://a.example/v1' }

describe('a key of project b and the resources of project a', () => {
  let operator = ''
  let caller = ''

  test('what is there is made by the admin', async () => {
    for (const project of ['a', 'b']) {
      expect((await apply('Project', project, {})).status).toBe(201)
      expect((await apply('Provider', `p-${project}`, provider, { project })).status).toBe(201)
    }
    operator = await makeKey('olga', ['operator'], {}, 'b')
    caller = await makeKey('carl', ['caller'], {}, 'b')
  })

  const namesOf = (body: { items: { metadata: { name: string } }[] }) =>
    body.items.map(({ metadata }) => metadata.name)

  test('a list over all projects shows what the key may read, and nothing behind the fence', async () => {
    const own = await call('GET', '/providers', undefined, { key: operator })
    expect(namesOf(own.body)).toEqual(['p-b'])
    const all = await call('GET', '/providers')
    expect(namesOf(all.body)).toEqual(['p-a', 'p-b'])
    const keys = await call('GET', '/keys', undefined, { key: operator })
    expect(namesOf(keys.body).sort()).toEqual(['carl', 'olga'])
  })

  test('every verb on the other project is refused', async () => {
    const key = { key: operator }
    for (const [method, path] of [
      ['GET', '/providers?project=a'],
      ['GET', '/providers/p-a?project=a'],
      ['DELETE', '/providers/p-a?project=a'],
      ['GET', '/providers?project=a&watch=true'],
      ['PUT', `/blobs/${sha256('x')}?project=a`],
    ] as const) {
      const body = method === 'PUT' ? 'x' : undefined
      expect([path, (await call(method, path, body, key)).status]).toEqual([path, 403])
    }
  })

  test('a watch over all projects shows no change behind the fence', async () => {
    const answer = await fetch(`${bed.plane.url}/api/v1/providers?watch=true`, {
      headers: { authorization: `Bearer ${operator}` },
    })
    const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader()
    let seen = ''
    const until = async (text: string) => {
      while (!seen.includes(text)) seen += (await reader?.read())?.value ?? ''
    }
    await until('p-b')
    await apply(
      'Provider',
      'p-a',
      { ...provider, baseUrl: 'http://a2.example/v1' },
      { project: 'a' },
    )
    await apply('Provider', 'q-b', provider, { project: 'b' })
    await until('q-b')
    expect(seen).not.toContain('p-a')
    await reader?.cancel()
  })

  test('a dry run, an unchanged apply or a wrong one tell nothing of what is there', async () => {
    for (const key of [operator, caller]) {
      const more = { key, project: 'a' }
      const plan = await apply(
        'Provider',
        'p-a',
        { ...provider, allowPrivateNetwork: true },
        { ...more, dryRun: true },
      )
      expect([plan.body.verdict.kind, plan.body.before]).toEqual(['deny', null])
      const same = await apply(
        'Provider',
        'p-a',
        { ...provider, baseUrl: 'http://a2.example/v1' },
        more,
      )
      expect([same.status, same.body.resource]).toEqual([403, undefined])
      const route = { targets: [{ provider: 'p-c', model: 'x' }] }
      const near = await apply('Route', 'r', route, more)
      expect([near.status, JSON.stringify(near.body).includes('p-a')]).toEqual([403, false])
      const stale = await apply('Provider', 'p-a', provider, {
        ...more,
        metadata: { generation: 9 },
      })
      expect([stale.status, stale.body.error.generation]).toEqual([403, undefined])
    }
  })
})

describe('odd requests get an answer, never a 500', () => {
  test.each([
    ['GET', '/projects?limit=-1', 422],
    ['GET', '/projects?limit=1.5', 422],
    ['GET', '/projects?limit=x', 422],
    ['GET', '/projects/a%00b', 422],
    ['GET', '/projects?continue=AAAA%00', 422],
    ['GET', '/projects?labelSelector=a', 422],
    ['GET', '/ledger/entries?from=-1', 422],
    ['GET', '/ledger/prove?resource=Nothing/x', 404],
    ['GET', '/ledger/tile/9/000', 404],
    ['GET', `/blobs/${sha256('nothing')}`, 404],
    ['POST', '/tokens', 422],
    ['PATCH', '/projects/default', 404],
    ['POST', '/approvals/none/approve', 422],
  ])('%s %s: %i', async (method, path, status) => {
    expect((await call(method, path)).status).toBe(status)
  })

  test('text that Postgres cannot hold', async () => {
    for (const description of ['a\0b', '\ud800']) {
      const answer = await apply('Project', 'odd', { description })
      expect([answer.status, answer.body.error.message]).toEqual([
        422,
        expect.stringContaining('spec.description'),
      ])
    }
  })

  test('a secret that another key has', async () => {
    await makeKey('twin', ['viewer'])
    const spec = { owner: 'other', roles: ['admin'], hash: sha256('tutti_twin_secret-of-twin') }
    const answer = await apply('Key', 'second', spec)
    expect([answer.status, answer.body.error.message]).toEqual([
      422,
      expect.stringContaining('another key'),
    ])
  })

  test('a disruption budget too small to count its waves', async () => {
    await pushModel('tiny', 'v1')
    const spec = { model: 'tiny:v1', strategy: { maxUnavailable: 1e-12 } }
    expect((await apply('Deployment', 'tiny', spec, { dryRun: true })).status).toBe(422)
  })
})

test('a foreign Host is turned away for every verb, and a foreign page’s socket too', async () => {
  const statusOf = (method: string) =>
    new Promise((resolve, reject) => {
      const headers = { host: 'evil.example', authorization: `Bearer ${bed.admin}` }
      const asked = request(`${bed.plane.url}/api/v1/nodes`, { method, headers }, (answer) => {
        answer.resume()
        resolve(answer.statusCode)
      })
      asked.once('error', reject)
      asked.end()
    })
  for (const method of ['GET', 'PUT', 'POST', 'DELETE', 'OPTIONS', 'HEAD']) {
    expect([method, await statusOf(method)]).toEqual([method, 403])
  }
  for (const headers of [{ origin: 'https://evil.example' }, { host: 'evil.example' }]) {
    const socket = new WebSocket(`${bed.plane.url.replace('http', 'ws')}/api/v1/connect`, {
      headers,
    })
    const end = new Promise((resolve) => {
      socket.once('error', () => resolve('refused'))
      socket.once('open', () => resolve('open'))
    })
    expect(await end).toBe('refused')
  }
})

test('an expired key is no key', async () => {
  const secret = await makeKey('past', ['admin'], { expiresAtMs: Date.now() - 1 })
  expect((await call('GET', '/nodes', undefined, { key: secret })).status).toBe(401)
  const deleted = await makeKey('gone', ['admin'])
  expect((await call('GET', '/nodes', undefined, { key: deleted })).status).toBe(200)
  await call('DELETE', '/keys/gone')
  expect((await call('GET', '/nodes', undefined, { key: deleted })).status).toBe(401)
})

test('a large secret is kept, read back by nobody, and stops no snapshot', async () => {
  const value = 's'.repeat(65_536)
  expect((await apply('Secret', 'large', { value })).status).toBe(201)
  expect((await apply('Secret', 'large', { value })).body.outcome).toBe('unchanged')
  expect((await apply('Provider', 'with-large', { ...provider, secret: 'large' })).status).toBe(201)
  const gateway = { key: bed.plane.credentials?.gateway ?? '' }
  for (;;) {
    const { body } = await call('GET', '/snapshot', undefined, gateway)
    const held = body.payload === undefined ? null : JSON.parse(body.payload)
    const found = held?.providers.find((one: { name: string }) => one.name === 'with-large')
    if (found?.apiKey !== undefined) {
      expect(found.apiKey).toBe(value)
      return
    }
  }
})

test('the proof of a record leads from its commitment to the signed checkpoint', async () => {
  await readLog()
  const { body } = await call('GET', '/ledger/prove?resource=Project/default')
  const opened = openCheckpoint(body.checkpoint, { log: parseVerifierKey(body.keys[0]) })
  if (!opened.ok) throw new Error('the checkpoint is not signed')
  const { record, salt, leafIndex, treeSize, hashes } = body.proof
  const leafOf = (text: string) => leafHash(commit(Buffer.from(salt, 'base64'), text))
  const check = (text: string) =>
    verifyInclusion({
      leaf: leafOf(text),
      index: leafIndex,
      size: treeSize,
      root: opened.checkpoint.root,
      proof: hashes.map((hash: string) => Buffer.from(hash, 'base64')),
    }).ok
  expect(check(record)).toBe(true)
  expect(check(canonicalJson({ ...JSON.parse(record), generation: 2 }))).toBe(false)
})
