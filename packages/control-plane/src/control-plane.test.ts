// The control plane over its API, with the real embedded Postgres.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { canonicalJson } from '@tutti/core/resource'
import {
  commit,
  didKeyOf,
  exportLog,
  newPrivateKey,
  openCheckpoint,
  parseVerifierKey,
  verifyExport,
} from '@tutti/ledger'
import { describe, expect, test } from 'vitest'
import {
  type Answer,
  apply,
  bed,
  call,
  folder,
  makeKey,
  readLog,
  sha256,
  startPlane,
  usePlane,
} from './test-plane.fixture.ts'

usePlane()

describe('who may come in', () => {
  test('nothing but /healthz answers without a key', async () => {
    expect((await fetch(`${bed.plane.url}/healthz`)).status).toBe(200)
    for (const path of [
      '/api/v1/nodes',
      '/metrics',
      '/api/v1/snapshot',
      '/api/v1/openapi.json',
      '/api/v1/ledger/checkpoint',
      `/api/v1/blobs/${sha256('')}`,
    ]) {
      expect((await fetch(bed.plane.url + path)).status).toBe(401)
      expect(
        (await fetch(bed.plane.url + path, { headers: { authorization: 'Bearer ' } })).status,
      ).toBe(401)
    }
  })

  test('who may read gets metrics in Prometheus’ form: a family each, counters named as such', async () => {
    const text = await (
      await fetch(`${bed.plane.url}/metrics`, { headers: { authorization: `Bearer ${bed.admin}` } })
    ).text()
    const about = text.split('\n').filter((line) => line.startsWith('#'))
    const form = /^# HELP (\w+) \w.*\.\n# TYPE (?:\1 gauge|(?=\w+_total )\1 counter)$/
    for (let i = 0; i < about.length; i += 2) {
      expect(about.slice(i, i + 2).join('\n')).toMatch(form)
    }
    expect(text).toMatch(/^tutti_ledger_size \d/m)
    expect(text).toContain('# TYPE tutti_release_feedback_total counter')
  })

  test('foreign origins and hosts are turned away for every verb', async () => {
    for (const method of ['GET', 'PUT', 'POST', 'DELETE', 'OPTIONS']) {
      const foreign = await call(method, '/nodes', undefined, {
        headers: { origin: 'https://evil.example' },
      })
      expect([foreign.status, foreign.body.error?.code]).toEqual([403, 'api/foreign-origin'])
    }
  })

  test('a viewer reads and changes nothing; a gateway reads snapshots and nothing else', async () => {
    const viewer = await makeKey('vera', ['viewer'])
    expect((await call('GET', '/nodes', undefined, { key: viewer })).status).toBe(200)
    const denied = await apply('Project', 'x', {}, { key: viewer })
    expect([denied.status, denied.body.error.denials[0].id]).toEqual([403, 'default-deny'])
    const gateway = bed.plane.credentials?.gateway ?? ''
    expect((await call('GET', '/secrets', undefined, { key: gateway })).status).toBe(403)
    expect((await call('GET', '/snapshot', undefined, { key: viewer })).status).toBe(403)
  })

  test('a project is a fence', async () => {
    await apply('Project', 'other', {})
    const outsider = await makeKey('otto', ['operator'], {}, 'other')
    const denied = await apply(
      'Provider',
      'p',
      { dialect: 'openai', baseUrl: 'http://x.example/v1' },
      { key: outsider, project: 'default' },
    )
    expect(denied.body.error.denials[0].id).toBe('projects/projects-are-fences')
    const own = await apply(
      'Provider',
      'p',
      { dialect: 'openai', baseUrl: 'http://x.example/v1' },
      { key: outsider, project: 'other' },
    )
    expect(own.status).toBe(201)
  })

  test('a project that holds something is not deleted, and what it holds is said to who may', async () => {
    await apply('Project', 'full', {})
    const secret = await makeKey('fulvia', ['operator'], {}, 'full')
    await makeKey('fabio', ['caller'], {}, 'full')
    const spec = { dialect: 'openai', baseUrl: 'http://x.example/v1' }
    expect((await apply('Provider', 'p', spec, { project: 'full' })).status).toBe(201)
    const held = 'Project full still holds keys (2), providers (1): delete them first'
    const refusal = { code: 'api/conflict', message: expect.stringContaining(held) }
    for (const query of ['', '?dryRun=true']) {
      const { status, body } = await call('DELETE', `/projects/full${query}`)
      expect([status, body.error]).toEqual([409, refusal])
    }
    const denied = await call('DELETE', '/projects/full', undefined, { key: secret })
    expect([denied.status, JSON.stringify(denied.body)]).toEqual([
      403,
      expect.not.stringContaining('holds'),
    ])
    for (const path of ['providers/p', 'keys/fulvia', 'keys/fabio']) {
      expect((await call('DELETE', `/${path}?project=full`)).status).toBe(200)
    }
    expect((await call('DELETE', '/projects/full')).status).toBe(200)
  })

  test('what another resource names is not deleted, and what names it is said to who may read that', async () => {
    await apply('Project', 'named', {})
    const own = { project: 'named' }
    const remove = (path: string, key?: string) =>
      call('DELETE', `/${path}?project=named`, undefined, key === undefined ? {} : { key })
    const made = [
      await apply('Secret', 's', { value: 'x' }, own),
      await apply(
        'Provider',
        'p',
        { dialect: 'openai', baseUrl: 'http://x.example/v1', secret: 's' },
        own,
      ),
      await apply('Budget', 'b', { limitDollars: 1, window: 'day' }, own),
      await apply('Route', 'judge', { targets: [{ provider: 'p', model: 'm' }] }, own),
      await apply(
        'Route',
        'chat',
        {
          targets: [{ provider: 'p', model: 'm' }],
          shadow: { target: { provider: 'p', model: 'n' }, share: 1, budget: 'b' },
          guard: { classifier: { route: 'judge' } },
        },
        own,
      ),
    ]
    expect(made.map(({ status, body }) => [status, body.error?.message])).toEqual(
      made.map(() => [201, undefined]),
    )
    const hint = 'declare them without it, or delete them first'
    const held = [
      ['secrets/s', `Secret s is named by Provider p: ${hint}`],
      ['providers/p', `Provider p is named by Route chat, Route judge: ${hint}`],
      ['budgets/b', `Budget b is named by Route chat: ${hint}`],
      ['routes/judge', `Route judge is named by Route chat: ${hint}`],
    ] as const
    for (const [path, message] of held) {
      const { status, body } = await remove(path)
      expect([status, body.error]).toEqual([409, { code: 'api/conflict', message }])
    }
    const cedar = '@id("unseen") forbid(principal, action == Action::"read", resource is Route);'
    expect((await apply('Policy', 'unseen', { cedar })).status).toBe(201)
    const unseen = await remove('providers/p', await makeKey('una', ['operator'], {}, 'named'))
    expect(unseen.body.error.message).toBe(`Provider p is named by 2: ${hint}`)
    expect((await call('DELETE', '/policies/unseen')).status).toBe(200)
    for (const path of ['routes/chat', 'budgets/b', 'routes/judge', 'providers/p', 'secrets/s']) {
      expect((await remove(path)).status).toBe(200)
    }
  })
})

describe('declaring', () => {
  test('created, unchanged, updated, conflict, deleted, and generations go on', async () => {
    expect((await apply('Project', 'a', {})).body).toMatchObject({
      outcome: 'committed',
      action: 'create',
    })
    expect((await apply('Project', 'a', {})).body.outcome).toBe('unchanged')
    const two = await apply('Project', 'a', { description: 'two' })
    expect(two.body.resource.metadata.generation).toBe(2)
    const stale = await apply(
      'Project',
      'a',
      { description: 'three' },
      { metadata: { generation: 1 } },
    )
    expect([stale.status, stale.body.error.generation]).toEqual([409, 2])
    expect((await call('DELETE', '/projects/a')).status).toBe(200)
    expect((await call('GET', '/projects/a')).status).toBe(404)
    const again = await apply('Project', 'a', {})
    expect(again.body.resource.metadata.generation).toBe(4)
  })

  test('what is wrong is said with the path and the nearest word', async () => {
    const field = await apply('Project', 'b', { descripton: 'x' })
    expect(field.body.error.message).toBe(
      'spec.descripton: unknown field: did you mean description?',
    )
    expect((await call('PUT', '/projects/b', '{"a":')).status).toBe(422)
    expect((await call('PUT', '/projects/b', 'x'.repeat(5 * 2 ** 20))).status).toBe(413)
    expect((await apply('Deployment', 'd', { model: 'nope:v1' })).body.error.message).toContain(
      'no Model nope:v1',
    )
    expect((await call('GET', '/projekts')).status).toBe(404)
    const policy = await apply('Policy', 'broken', {
      cedar: 'permit(principal, action, resource) when { nonsense };',
    })
    expect(policy.status).toBe(422)
    const word = await apply('Policy', 'word', {
      cedar: '@id("w") permit(principal, action, resource) when { context.colour == "red" };',
    })
    expect(word.body.error.message).toContain('colour')
  })

  test('a dry run says what would happen and writes nothing', async () => {
    const before = (await readLog()).size
    const plan = await apply('Project', 'dry', {}, { dryRun: true })
    expect(plan.body).toMatchObject({
      outcome: 'planned',
      action: 'create',
      verdict: { kind: 'allow' },
    })
    expect((await call('GET', '/projects/dry')).status).toBe(404)
    expect((await readLog()).size).toBe(before + 1) // the marker alone
  })

  test('nodes and rollouts are not declared by people', async () => {
    const node = await apply('Node', 'n', { publicKey: didKeyOf(newPrivateKey()) })
    expect(node.body.error.message).toContain('tutti join')
  })
})

describe('blobs', () => {
  test('an upload goes on where it stopped, a wrong digest is refused, ranges are served', async () => {
    const bytes = 'abcdefghij'.repeat(1_000)
    const digest = sha256(bytes)
    const part = (from: number, to: number) =>
      call('PUT', `/blobs/${digest}`, bytes.slice(from, to), {
        headers: { 'content-range': `bytes ${from}-${to - 1}/${bytes.length}` },
      })
    expect((await part(0, 4_000)).body).toMatchObject({ complete: false, uploadedBytes: 4_000 })
    expect((await part(5_000, 6_000)).body.error.uploadedBytes).toBe(4_000)
    expect((await call('GET', `/blobs/${digest}`)).body.error.uploadedBytes).toBe(4_000)
    expect((await part(4_000, 10_000)).body).toMatchObject({ complete: true })
    const range = await call('GET', `/blobs/${digest}`, undefined, {
      headers: { range: 'bytes=5-8' },
    })
    expect([range.status, range.body]).toEqual([206, 'fghi'])
    const wrong = await call('PUT', `/blobs/${sha256('something else')}`, bytes)
    expect(wrong.status).toBe(409)
    expect((await call('GET', `/blobs/${sha256('something else')}`)).status).toBe(404)
  })

  test('no path leads out of the store', async () => {
    for (const name of ['..%2f..%2fkeys.json', 'sha256:..%2f..%2fkeys.json', '%2e%2e/keys.json']) {
      expect([404, 422]).toContain((await call('GET', `/blobs/${name}`)).status)
    }
  })
})

test('a secret is never read back, and stands nowhere in the clear', async () => {
  const value = 'sk-very-secret-value'
  expect((await apply('Secret', 's', { value })).status).toBe(201)
  expect((await apply('Secret', 's', { value })).body.outcome).toBe('unchanged')
  expect((await call('GET', '/secrets/s')).body.spec).toEqual({ value: '***' })
  const log = await readLog()
  expect(JSON.stringify(log)).not.toContain(value)
  expect(JSON.stringify(log)).not.toContain(sha256(canonicalJson({ value })).slice(7))
})

describe('ledger', () => {
  test('I1: every generation of every resource has exactly one record, and no record is without', async () => {
    const names = ['i1', 'i2', 'i3']
    let seed = 7
    const chance = (n: number) => {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0
      return (seed >>> 8) % n
    }
    const committed: Answer[] = []
    for (let round = 0; round < 20; round++) {
      const writes = Array.from({ length: 4 }, () => {
        const name = names[chance(3)] ?? ''
        return chance(4) === 0
          ? call('DELETE', `/projects/${name}`)
          : apply('Project', name, { description: String(chance(5)) })
      })
      const answers = await Promise.all(writes) // at once: some of them meet
      committed.push(...answers.filter(({ body }) => body.outcome === 'committed'))
    }
    expect(committed.length).toBeGreaterThan(10)
    const records = (await readLog()).items.map((item: { body: string }) => JSON.parse(item.body))
    for (const name of names) {
      const generations = records
        .filter((record: { resource: string }) => record.resource === `Project/${name}`)
        .map((record: { generation: number }) => record.generation)
      expect(generations).toEqual(generations.map((_: number, i: number) => i + 1))
    }
    const written = records.filter((r: { resource: string }) => /^Project\/i\d$/.test(r.resource))
    expect(written).toHaveLength(committed.length)
  })

  test('the checkpoint is signed, the entries open, and an export verifies offline', async () => {
    const log = await readLog()
    const { body } = await call('GET', '/whoami')
    expect(openCheckpoint(log.checkpoint, { log: parseVerifierKey(body.ledger) }).ok).toBe(true)
    for (const { entry, salt, body: text } of log.items) {
      expect(Buffer.from(commit(Buffer.from(salt, 'base64'), text)).toString('base64')).toBe(entry)
    }
    const leaves = log.items.map((item: { entry: string; salt: string; body: string }) => ({
      entry: Buffer.from(item.entry, 'base64'),
      salt: Buffer.from(item.salt, 'base64'),
      body: item.body,
    }))
    const target = join(folder, 'export')
    await exportLog(target, { checkpoint: log.checkpoint, keys: log.keys, leaves })
    expect((await verifyExport(target, { vkey: body.ledger })).ok).toBe(true)
    const tile = await call('GET', `/ledger/tile/0/000.p/${Math.min(log.size, 255)}`)
    expect([200, 404]).toContain(tile.status)
  })
})

test('everything is there after a restart, the log goes on, and the keys are the same', async () => {
  const before = await readLog()
  const { body: me } = await call('GET', '/whoami')
  await bed.plane.stop()
  await startPlane()
  expect(bed.plane.credentials).toBeNull()
  const { body } = await call('GET', '/whoami')
  expect([body.controlPlane, body.ledger]).toEqual([me.controlPlane, me.ledger])
  expect((await call('GET', '/projects/other')).status).toBe(200)
  await apply('Project', 'after', {})
  const after = await readLog()
  expect(after.size).toBe(before.size + 2) // this one and the marker
  expect(after.items.slice(0, before.size)).toEqual(before.items)
  expect(readFileSync(join(folder, 'keys.json'), 'utf8')).toContain('PRIVATE KEY')
})
