// What gateways are told of who may call what: the policies decide it, not the names of roles.

import { setTimeout as delay } from 'node:timers/promises'
import { signingPrefix } from '@tutti/core/resource'
import { type Snapshot, servingClaims } from '@tutti/core/routing'
import { didKeyOf, newPrivateKey, signText } from '@tutti/ledger'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import {
  apply,
  bed,
  call,
  makeKey,
  pushModel,
  startPlane,
  usePlane,
} from '../test-plane.fixture.ts'

usePlane()

/** The snapshot once it says what is expected of it. */
async function snapshotWhere(is: (snapshot: Snapshot) => boolean): Promise<Snapshot> {
  for (;;) {
    const { body } = await call('GET', '/snapshot', undefined, {
      key: bed.plane.credentials?.gateway ?? gatewayKey,
    })
    const snapshot: Snapshot | null = body.payload === undefined ? null : JSON.parse(body.payload)
    if (snapshot !== null && is(snapshot)) return snapshot
    await delay(10) // asked again: only the answer counts
  }
}

let gatewayKey = ''
const keyOf = (snapshot: Snapshot, id: string) => snapshot.keys.find((key) => key.id === id)
const provider = { dialect: 'openai', baseUrl: 'http://a.example/v1' }
const route = { targets: [{ provider: 'p', model: 'm' }] }

describe('inference is permitted by policy', () => {
  test('callers may call the routes of their project, others none', async () => {
    gatewayKey = bed.plane.credentials?.gateway ?? ''
    expect((await apply('Provider', 'p', provider)).status).toBe(201)
    expect((await apply('Route', 'open', route)).status).toBe(201)
    const metadata = { labels: { audience: 'staff' } }
    expect((await apply('Route', 'inner', route, { metadata })).status).toBe(201)
    await makeKey('cara', ['caller'])
    expect((await apply('Route', 'gone', route)).status).toBe(201)
    await makeKey('cole', ['caller'], { routes: ['open', 'gone'] })
    expect((await call('DELETE', '/routes/gone')).status).toBe(200) // a key keeps no Route
    await makeKey('ovid', ['operator'])
    const snapshot = await snapshotWhere(
      (one) => keyOf(one, 'ovid') === undefined && !!keyOf(one, 'cole'),
    )
    expect(keyOf(snapshot, 'cara')).not.toHaveProperty('routes')
    expect(keyOf(snapshot, 'cole')?.routes).toEqual(['open'])
    expect(keyOf(snapshot, 'ovid')).toBeUndefined()
  })

  test('a forbid over a route’s label takes that route from whom it names', async () => {
    const cedar = `@id("staff-only") forbid(principal, action == Action::"infer", resource is Route)
      when { resource.hasTag("audience") && resource.getTag("audience") == "staff" }
      unless { principal in Role::"staff" };`
    await makeKey('stan', ['caller', 'staff'])
    expect((await apply('Policy', 'staff', { cedar })).status).toBe(201)
    const snapshot = await snapshotWhere((one) => keyOf(one, 'cara')?.routes !== undefined)
    expect(keyOf(snapshot, 'cara')?.routes).toEqual(['open'])
    expect(keyOf(snapshot, 'stan')).not.toHaveProperty('routes')
    expect((await call('DELETE', '/policies/staff')).status).toBe(200)
  })

  test('a policy about one person or one route is asked for each', async () => {
    const cedar = `@id("not-cara") forbid(principal == User::"cara", action == Action::"infer",
      resource == Route::"default/open");`
    expect((await apply('Policy', 'one', { cedar })).status).toBe(201)
    const snapshot = await snapshotWhere((one) => keyOf(one, 'cara')?.routes?.[0] === 'inner')
    expect(keyOf(snapshot, 'cara')?.routes).toEqual(['inner'])
    expect(keyOf(snapshot, 'stan')).not.toHaveProperty('routes')
    expect((await call('DELETE', '/policies/one')).status).toBe(200)
  })

  test('a policy keeps a key from a Provider, whatever the Route', async () => {
    const cedar = `@id("no-p") forbid(principal == User::"cole", action == Action::"infer",
      resource == Provider::"default/p");`
    expect((await apply('Policy', 'no-p', { cedar })).status).toBe(201)
    const snapshot = await snapshotWhere((one) => keyOf(one, 'cole')?.refused !== undefined)
    expect(keyOf(snapshot, 'cole')?.refused).toEqual(['Provider/p'])
    expect(keyOf(snapshot, 'stan')).not.toHaveProperty('refused')
    // who may infer Routes alone was never asked about Providers: nobody forbids them
    const routesOnly = `@id("routes") permit(principal in Role::"narrow",
      action == Action::"infer", resource is Route);`
    expect((await apply('Policy', 'routes-only', { cedar: routesOnly })).status).toBe(201)
    await makeKey('nora', ['narrow'])
    const later = await snapshotWhere((one) => keyOf(one, 'nora') !== undefined)
    expect(keyOf(later, 'nora')).not.toHaveProperty('refused')
    expect((await call('DELETE', '/policies/routes-only')).status).toBe(200)
    expect((await call('DELETE', '/policies/no-p')).status).toBe(200)
    await snapshotWhere((one) => keyOf(one, 'cole')?.refused === undefined)
  })

  test('servers of tools are told apart from models, and fenced by policy and by keys', async () => {
    const mcp = { dialect: 'mcp', baseUrl: 'https://tools.example/mcp', mcp: { callsMax: 3 } }
    expect((await apply('Provider', 'tools', mcp)).status).toBe(201)
    const toTools = { targets: [{ provider: 'tools', model: 'm' }] }
    const refused = await apply('Route', 'to-tools', toTools)
    expect(JSON.stringify(refused.body)).toContain('tools is a server of tools')
    await makeKey('tess', ['caller'], { tools: ['tools__read_*'] })
    const open = await snapshotWhere((one) => keyOf(one, 'tess') !== undefined)
    const url = 'https://tools.example/mcp'
    const entry = { name: 'tools', project: 'default', url, allowPrivateNetwork: false }
    expect(open.toolServers).toEqual([{ ...entry, callsMax: 3, timeoutMs: 60_000 }])
    expect(open.providers.map(({ name }) => name)).not.toContain('tools')
    expect(keyOf(open, 'tess')).toMatchObject({ tools: ['tools__read_*'] })
    expect(keyOf(open, 'tess')).not.toHaveProperty('servers')
    const cedar = `@id("no-tools") forbid(principal == User::"tess", action == Action::"infer",
      resource == Provider::"default/tools");`
    expect((await apply('Policy', 'no-tools', { cedar })).status).toBe(201)
    const fenced = await snapshotWhere((one) => keyOf(one, 'tess')?.servers !== undefined)
    expect(keyOf(fenced, 'tess')?.servers).toEqual([])
    expect(keyOf(fenced, 'stan')).not.toHaveProperty('servers')
    expect((await call('DELETE', '/policies/no-tools')).status).toBe(200)
  })

  test('a role that a policy makes may call without being named caller', async () => {
    const cedar = `@id("bots") permit(principal in Role::"bot", action == Action::"infer", resource);`
    await makeKey('bob', ['bot'])
    expect((await apply('Policy', 'bots', { cedar })).status).toBe(201)
    await snapshotWhere((one) => keyOf(one, 'bob') !== undefined)
    expect((await call('DELETE', '/policies/bots')).status).toBe(200)
    await snapshotWhere((one) => keyOf(one, 'bob') === undefined)
  })
})

test('policy is asked of what guards may find, and gateways are told where a Route does not have its way', async () => {
  const guard = { detect: ['card', 'email'], actions: { card: 'allow' }, on: ['input'] }
  expect((await apply('Route', 'guarded', { ...route, guard })).status).toBe(201)
  const open = await snapshotWhere((one) => one.routes.some(({ name }) => name === 'guarded'))
  expect(open).not.toHaveProperty('guardOrders')
  const cedar = `@id("cards-never-leave")
    forbid(principal, action == Action::"infer", resource is Route)
    when { context has finding && context.finding.kind == "card" && context.finding.action == "allow" }
    unless { principal in Role::"fraud-desk" };
    @id("no-mail") forbid(principal, action == Action::"infer", resource is Route)
    when { context has finding && context.finding.kind == "email" };`
  await makeKey('fay', ['caller', 'fraud-desk'])
  expect((await apply('Policy', 'cards', { cedar })).status).toBe(201)
  const { guardOrders = [] } = await snapshotWhere(
    (one) => one.guardOrders !== undefined && keyOf(one, 'fay') !== undefined,
  )
  const order = { project: 'default', route: 'guarded', side: 'input' }
  expect(guardOrders).toContainEqual({ ...order, kind: 'email', action: 'deny' })
  const card = guardOrders.find(({ kind }) => kind === 'card')
  expect(card).toMatchObject({ ...order, action: 'redact' })
  expect(card?.keys).toContain('cara')
  expect(card?.keys).not.toContain('fay') // may
  expect(card?.keys).not.toContain('ovid') // calls nothing
  // tools alike: policy is asked about their Provider
  const mcp = { guard: { ...guard, actions: {} } }
  const tools = { dialect: 'mcp', baseUrl: 'https://tools.example/mcp' }
  expect((await apply('Provider', 'guarded-tools', { ...tools, mcp })).status).toBe(201)
  const stricter = `@id("no-cards-in-tools")
    forbid(principal, action == Action::"infer", resource == Provider::"default/guarded-tools")
    when { context has finding && context.finding.kind == "card" };`
  expect((await apply('Policy', 'tool-cards', { cedar: stricter })).status).toBe(201)
  const later = await snapshotWhere(
    (one) => one.guardOrders?.some((ordered) => ordered.route === 'mcp/guarded-tools') ?? false,
  )
  const own = later.guardOrders?.filter((ordered) => ordered.route === 'mcp/guarded-tools')
  expect(own).toEqual([
    { project: 'default', route: 'mcp/guarded-tools', side: 'input', kind: 'card', action: 'deny' },
  ])
  const unjudged = { ...tools, mcp: { guard: { classifier: { route: 'nobody' } } } }
  expect(await apply('Provider', 'judged-tools', unjudged)).toMatchObject({
    status: 422,
    body: { error: { findings: [{ path: 'spec.mcp.guard.classifier.route' }] } },
  })
  expect((await call('DELETE', '/policies/tool-cards')).status).toBe(200)
  expect((await call('DELETE', '/policies/cards')).status).toBe(200)
  const gone = { ...route, guard: { classifier: { route: 'nobody' } } }
  expect(await apply('Route', 'judged', gone)).toMatchObject({
    status: 422,
    body: { error: { findings: [{ path: 'spec.guard.classifier.route' }] } },
  })
})

test('a control plane that starts names the nodes that it has not seen yet, of each deployment', async () => {
  const key = newPrivateKey()
  const { body } = await call('POST', '/tokens', {})
  const signature = signText(key, signingPrefix.hello, body.token)
  const join = { token: body.token, name: 'n1', publicKey: didKeyOf(key), signature }
  expect((await call('POST', '/join', join)).status).toBe(201)
  expect((await pushModel('parts', 'v1')).status).toBe(201)
  expect((await apply('Deployment', 'parts', { model: 'parts:v1' })).status).toBe(201)
  const elsewhere = { matchLabels: { region: 'elsewhere' } }
  const other = { model: 'parts:v1', selector: elsewhere }
  expect((await apply('Deployment', 'other', other)).status).toBe(201)
  await bed.plane.stop()
  await startPlane()
  const { deployments } = await snapshotWhere((one) => one.deployments.length === 2)
  const unseen = deployments.map(({ name, unseen }) => [name, unseen])
  expect(Object.fromEntries(unseen)).toEqual({ other: undefined, parts: ['n1'] })
})

test('a configuration that nobody changes for weeks is told anew, with a token that nodes take', async () => {
  const before = await snapshotWhere(() => true)
  const laterMs = Date.now() + 40 * 86_400_000
  vi.spyOn(Date, 'now').mockReturnValue(laterMs)
  onTestFinished(() => void vi.restoreAllMocks())
  const { sequence, servingToken } = await snapshotWhere((one) => one.sequence > before.sequence)
  const [claims = ''] = servingToken.split('.')
  const said = servingClaims.parse(JSON.parse(Buffer.from(claims, 'base64url').toString('utf8')))
  expect(said.expiresAtMs).toBe(laterMs + 30 * 86_400_000)
  expect((await snapshotWhere(() => true)).sequence).toBe(sequence) // once a day, and no more
})

test('after a restart on a clock that was set back, snapshots go on in number', async () => {
  const before = await snapshotWhere(() => true)
  await bed.plane.stop()
  const now = vi.spyOn(Date, 'now').mockReturnValue(Date.now() - 86_400_000)
  await startPlane()
  const after = await snapshotWhere(() => true)
  now.mockRestore()
  expect(after.sequence).toBeGreaterThan(before.sequence)
})
