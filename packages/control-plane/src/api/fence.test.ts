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

describe('what a digest, a label or the log opens', () => {
  const bytes = 'weights of project a'
  const digest = sha256(bytes)
  let olga = ''
  let root = ''

  test('a model file of project a is no file for project b, by whatever verb', async () => {
    root = await makeKey('oscar', ['operator'], {}, 'a')
    olga = await makeKey('olive', ['operator'], {}, 'b')
    const put = await call('PUT', `/blobs/${digest}?project=a`, bytes, { key: root })
    expect([put.status, put.body.complete]).toEqual([201, true])
    const own = await call('GET', `/blobs/${digest}?project=a`, undefined, { key: root })
    expect([own.status, own.body]).toEqual([200, bytes])
    const key = { key: olga }
    expect((await call('GET', `/blobs/${digest}?project=b`, undefined, key)).status).toBe(404)
    expect((await call('GET', `/blobs/${digest}?project=a`, undefined, key)).status).toBe(403)
    // Announcing the digest with bytes of one's own, or with none, opens nothing.
    const headers = { 'content-range': `bytes ${bytes.length - 1}-*/${bytes.length}` }
    for (const [body, more] of [
      ['x'.repeat(bytes.length), {}],
      ['', {}],
      ['a', { headers }],
    ] as const) {
      await call('PUT', `/blobs/${digest}?project=b`, body, { ...key, ...more })
      expect((await call('GET', `/blobs/${digest}?project=b`, undefined, key)).status).toBe(404)
    }
    const variant = { name: 'v', format: 'onnx', precision: 'fp32', inputs: [], outputs: [] }
    const file = { path: 'model.onnx', digest, sizeBytes: bytes.length }
    const spec = { model: 'm', version: 'v1', task: 't', variants: [{ ...variant, files: [file] }] }
    const stolen = await apply('Model', 'm:v1', spec, { ...key, project: 'b' })
    expect([stolen.status, stolen.body.error.message]).toEqual([
      422,
      expect.stringContaining('not in the project’s store'),
    ])
    const again = await call('PUT', `/blobs/${digest}?project=b`, bytes, key)
    expect([again.status, again.body.complete]).toEqual([201, true])
    expect((await apply('Model', 'm:v1', spec, { ...key, project: 'b' })).status).toBe(201)
  })

  test('the log shows every commitment, and contents only to who may read the resource', async () => {
    const { items, size } = await readLog()
    const path = `/ledger/entries?from=0&until=${size}`
    const seen = await call('GET', path, undefined, { key: olga })
    const rows: { entry: string; body?: string; withheld?: boolean }[] = seen.body.items
    expect(rows.map(({ entry }) => entry)).toEqual(
      items.map(({ entry }: { entry: string }) => entry),
    )
    expect(JSON.stringify(rows)).not.toContain('Provider/a/p-a')
    expect(JSON.stringify(rows)).toContain('Provider/b/p-b')
    expect(rows.some(({ withheld }) => withheld === true)).toBe(true)
    expect(items.some(({ withheld }: { withheld?: boolean }) => withheld === true)).toBe(false)
    const prove = (resource: string) =>
      call('GET', `/ledger/prove?resource=${resource}`, undefined, { key: olga })
    expect((await prove('Provider/b/p-b')).status).toBe(200)
    expect((await prove('Provider/a/p-a')).status).toBe(403)
    expect((await prove('Provider/a/never-was')).status).toBe(403)
  })

  test('a policy over a label holds for lists, single reads, changes and the log alike', async () => {
    const cedar = `@id("no-secret-providers") forbid(principal in Role::"operator", action, resource)
      when { resource.hasTag("secret") };`
    expect((await apply('Policy', 'labels', { cedar })).status).toBe(201)
    const metadata = { labels: { secret: 'yes' } }
    const more = { project: 'b', metadata }
    expect((await apply('Provider', 'hidden', provider, more)).status).toBe(201)
    const key = { key: olga }
    const list = await call('GET', '/providers?project=b', undefined, key)
    expect(JSON.stringify(list.body)).not.toContain('hidden')
    expect((await call('GET', '/providers/hidden?project=b', undefined, key)).status).toBe(403)
    // Taking the label off is itself a change of what is labelled.
    const bare = await apply('Provider', 'hidden', provider, { project: 'b', ...key })
    expect([bare.status, bare.body.error.code]).toEqual([403, 'api/denied'])
    await readLog()
    const { body } = await call('GET', '/ledger/entries?from=0', undefined, key)
    expect(JSON.stringify(body)).not.toContain('Provider/b/hidden')
    expect((await call('DELETE', '/policies/labels')).status).toBe(200)
  })

  test('a policy over a name holds for lists too', async () => {
    const cedar = `@id("by-name") forbid(principal in Role::"operator", action, resource is Provider)
      when { resource.name == "hidden" };`
    expect((await apply('Policy', 'names', { cedar })).status).toBe(201)
    const { body } = await call('GET', '/providers?project=b', undefined, { key: olga })
    const names = body.items.map(({ metadata }: { metadata: { name: string } }) => metadata.name)
    expect(names).toContain('p-b')
    expect(names).not.toContain('hidden')
    expect((await call('DELETE', '/policies/names')).status).toBe(200)
  })
})

test('only an admin makes keys: a key of the role gateway, which reads all credentials, too', async () => {
  const operator = await makeKey('otto', ['operator', 'approver', 'caller'])
  for (const roles of [['gateway'], ['admin'], ['caller']]) {
    const spec = { owner: 'otto', roles, hash: sha256(`mine ${roles[0]}`) }
    expect((await apply('Key', `by-otto-${roles[0]}`, spec, { key: operator })).status).toBe(403)
  }
})
