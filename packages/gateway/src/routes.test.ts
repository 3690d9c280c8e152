// What a Route says beyond targets and a strategy: conditions, residency, caps, experiments, shadows, fallback.

import { type LeaseRequest, type RouteSpec, routeSpec, type Snapshot } from '@tutti/core/routing'
import { describe, expect, test } from 'vitest'
import {
  answerWell,
  digest,
  type Handler,
  infer,
  key,
  newFolder,
  serve,
  signed,
  snapshotOf,
  toNodes,
  world,
} from './gateway-world.fixture.ts'
import { MemoryPlane } from './memory-plane.fixture.ts'
import type { Gateway } from './start.ts'

type Input = Parameters<typeof routeSpec.parse>[0] & object
const usage = { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 }
const said = (content: string) =>
  JSON.stringify({
    ...{ id: 'c', model: 'm', usage },
    choices: [{ index: 0, message: { content }, finish_reason: 'stop' }],
  })

/** Engines `e0`, `e1` … that say their own name, behind one route. */
async function bed(
  route: (targets: readonly { provider: string; model: string }[]) => Input,
  of: {
    readonly engines: readonly (Handler | null)[]
    readonly change?: Partial<Snapshot>
    readonly plane?: MemoryPlane
  },
) {
  const asked = of.engines.map((): string[] => [])
  const engines = await Promise.all(
    of.engines.map((handler, i) =>
      serve((request, response, body) => {
        asked[i]?.push(body)
        if (handler === null) response.end(said(`e${i}`))
        else handler(request, response, body)
      }),
    ),
  )
  const targets = engines.map((_, i) => ({ provider: `e${i}`, model: 'm' }))
  const spec: RouteSpec = routeSpec.parse(route(targets))
  const snapshot = snapshotOf({
    routes: [{ name: 'chat', project: 'default', ...spec }],
    providers: engines.map(({ url }, i) => ({
      ...{ name: `e${i}`, project: 'default', dialect: 'openai' as const, baseUrl: url },
      allowPrivateNetwork: true,
    })),
    ...of.change,
  })
  const { gateway, told } = await world(signed(snapshot), newFolder(), of.plane)
  return { gateway, asked, told }
}

async function ask(gateway: Gateway, body: object = {}, headers: Record<string, string> = {}) {
  const answer = await fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, ...headers },
    body: JSON.stringify({ model: 'chat', messages: [{ role: 'user', content: 'hi' }], ...body }),
  })
  return { status: answer.status, text: await answer.text() }
}

/** Who answered. */
async function who(...of: Parameters<typeof ask>): Promise<string> {
  return JSON.parse((await ask(...of)).text).choices[0].message.content
}

const get = (gateway: Gateway, path: string) =>
  fetch(gateway.url + path, { headers: { authorization: `Bearer ${key}` } })

/** The first record, as soon as it is there. */
async function firstOf(gateway: Gateway, path: string) {
  const answer = await get(gateway, `${path}?follow=true`)
  for await (const chunk of answer.body ?? []) {
    return JSON.parse(Buffer.from(chunk).toString('utf8').split('\n')[0] ?? '')
  }
}

describe('filters', () => {
  test('a condition on the request chooses who is asked', async () => {
    const { gateway } = await bed(
      ([a, b]) => ({
        targets: [
          { ...a, when: '"sql" in request.metadata || request.lastText.contains("SELECT")' },
          { ...b, tier: 1 },
        ],
      }),
      { engines: [null, null] },
    )
    expect(await who(gateway)).toBe('e1')
    expect(await who(gateway, { metadata: { sql: 'yes' } })).toBe('e0')
    const query = { role: 'user', content: 'SELECT 1' }
    expect(await who(gateway, { messages: [query] })).toBe('e0')
  })

  test('a header decides, and what authenticates is not seen', async () => {
    const { gateway } = await bed(
      ([a, b]) => ({
        targets: [
          { ...a, when: '"x-tier" in request.headers && request.headers["x-tier"] == "gold"' },
          { ...b, when: '"authorization" in request.headers' },
        ],
      }),
      { engines: [null, null] },
    )
    expect(await who(gateway, {}, { 'x-tier': 'gold' })).toBe('e0')
    expect((await ask(gateway)).status).toBe(400)
  })

  test('a refusal says which filter removed each target', async () => {
    const price = { inputPerMillion: 1_000_000 }
    const { gateway, asked } = await bed(
      ([a, b, c, d, e, f]) => ({
        targets: [
          { ...a, when: 'request.metadata.tier == "gold"', region: 'eu' },
          { ...b, capabilities: ['json-schema'], region: 'eu' },
          { ...c, region: 'us' },
          { ...d, region: 'eu', price },
          { ...e, region: 'eu', modalities: [], arm: 'z' },
          { ...f, region: 'eu', weight: 0 },
        ],
        require: { regions: ['eu'], costDollarsMax: 1 },
        experiment: { name: 'x', arms: { a: 1, z: 0 } },
      }),
      { engines: [null, null, null, null, null, null] },
    )
    const tools = [{ type: 'function', function: { name: 'f', parameters: {} } }]
    const { status, text } = await ask(gateway, { tools, max_tokens: 1 })
    expect(status).toBe(400)
    expect(JSON.parse(text).error).toMatchObject({ code: 'no_target', param: 'model' })
    for (const named of [
      'e0/m (condition: its condition has no answer)',
      'e1/m (capability: it has no tools)',
      'e2/m (region: it is in us)',
      'e3/m (price-cap: it may cost',
      'e4/m (arm: the request is in arm a)',
      'e5/m (weight: its weight is 0)',
    ]) {
      expect(text).toContain(named)
    }
    expect(asked.flat()).toEqual([])
  })

  test('nor is one asked alone whose weight is 0, and that is said', async () => {
    const { gateway } = await bed(([a]) => ({ targets: [{ ...a, weight: 0 }] }), {
      engines: [null],
    })
    const { status, text } = await ask(gateway)
    expect([status, text]).toEqual([400, expect.stringContaining('e0/m (weight: its weight is 0)')])
  })

  test('where nobody is there it says so of each target, and of those that were left out', async () => {
    const { gateway } = await bed(
      ([a]) => ({
        targets: [{ ...a, weight: 0 }, { deployment: 'llama' }, { provider: 'gone', model: 'm' }],
      }),
      { engines: [null] },
    )
    const { status, text } = await ask(gateway)
    expect(status).toBe(503)
    for (const named of [
      'e0/m (weight: its weight is 0)',
      'llama: nodes do not answer this',
      'gone/m: there is no Provider gone',
    ]) {
      expect(text).toContain(named)
    }
  })

  test('what the policies keep a key from is not asked for it, nor mirrored', async () => {
    const refused = ['Provider/e0', 'Provider/e2']
    const keys = [{ id: 'app', hash: digest(key), project: 'default', owner: 'app', refused }]
    const { gateway, asked } = await bed(
      ([a, b, c]) => ({ targets: [{ ...a }, { ...b, tier: 1 }], shadow: { target: { ...c } } }),
      { engines: [null, null, null], change: { keys } },
    )
    for (let i = 0; i < 5; i++) expect(await who(gateway)).toBe('e1')
    const comparison = await firstOf(gateway, '/v1/comparisons')
    expect(comparison).toMatchObject({ failure: 'impossible', isSame: null })
    expect(asked.map(({ length }) => length)).toEqual([0, 5, 0])
    const alone = await bed(([a]) => ({ targets: [{ ...a }] }), {
      ...{ engines: [null], change: { keys } },
    })
    const { status, text } = await ask(alone.gateway)
    expect([status, text.includes('e0/m (policy: the policies do not')]).toEqual([400, true])
  })

  test('a shadow elsewhere gets nothing of what must stay here', async () => {
    const { gateway, asked } = await bed(
      ([a, b]) => ({
        targets: [{ ...a, region: 'eu' }],
        require: { regions: ['eu'] },
        shadow: { target: { ...b } },
      }),
      { engines: [null, null] },
    )
    expect(await who(gateway)).toBe('e0')
    expect((await firstOf(gateway, '/v1/comparisons')).failure).toBe('impossible')
    expect(asked[1]).toEqual([])
  })

  test('a prompt that is surely too long goes to the larger model at once', async () => {
    const { gateway, asked } = await bed(
      ([a, b]) => ({
        targets: [
          { ...a, contextTokens: 1_000 },
          { ...b, contextTokens: 100_000, tier: 1 },
        ],
      }),
      { engines: [null, null] },
    )
    expect(await who(gateway)).toBe('e0')
    const content = 'word '.repeat(10_000)
    expect(await who(gateway, { messages: [{ role: 'user', content }] })).toBe('e1')
    expect(asked[0]).toHaveLength(1)
  })

  test('nodes elsewhere are not asked', async () => {
    let isAway = 0
    const here = await serve(answerWell)
    const away = await serve((request, response, body) => {
      isAway += 1
      answerWell(request, response, body)
    })
    const snapshot = toNodes([here.url, away.url])
    const [route] = snapshot.routes
    const [deployment] = snapshot.deployments
    if (route === undefined || deployment === undefined) throw new Error('the fixture has both')
    const endpoints = deployment.endpoints.map((one, i) => ({
      ...one,
      region: i === 0 ? 'eu' : 'us',
    }))
    const { gateway } = await world(
      signed({
        ...snapshot,
        routes: [{ ...route, require: { regions: ['eu'] } }],
        deployments: [{ ...deployment, endpoints }],
      }),
    )
    for (let i = 0; i < 20; i++) expect((await infer(gateway)).status).toBe(200)
    expect(isAway).toBe(0)
  })
})

describe('sticky', () => {
  test('a conversation, or whom a header names, stays where it is', async () => {
    const { gateway, asked } = await bed(
      (targets) => ({
        ...{ targets: [...targets], strategy: 'sticky' },
        stickyBy: ['header:x-session', 'conversation'],
      }),
      { engines: [null, null, null, null] },
    )
    const homes = new Set<string>()
    for (let session = 0; session < 12; session++) {
      const headers = { 'x-session': String(session) }
      const home = await who(gateway, {}, headers)
      homes.add(home)
      for (let i = 0; i < 3; i++) expect(await who(gateway, {}, headers)).toBe(home)
    }
    expect(homes.size).toBeGreaterThan(1)
    const opening = { role: 'user', content: 'once upon a time' }
    const home = await who(gateway, { messages: [opening] })
    const reply = { role: 'assistant', content: 'yes?' }
    const longer = [opening, reply, { role: 'user', content: 'go on' }]
    expect(await who(gateway, { messages: longer })).toBe(home)
    expect(asked.flat()).toHaveLength(12 * 4 + 2)
  })
})

describe('experiments', () => {
  test('a user is always in one arm, which records and metrics name', async () => {
    const { gateway } = await bed(
      ([a, b]) => ({
        targets: [
          { ...a, arm: 'old' },
          { ...b, arm: 'new' },
        ],
        experiment: { name: 'model', arms: { old: 1, new: 1 } },
        stickyBy: ['user'],
      }),
      { engines: [null, null] },
    )
    const armOf = new Map<string, string>()
    for (let i = 0; i < 30; i++) {
      const user = `u${i % 10}`
      const answered = await who(gateway, { user })
      expect(armOf.get(user) ?? answered).toBe(answered)
      armOf.set(user, answered)
    }
    expect(new Set(armOf.values())).toEqual(new Set(['e0', 'e1']))
    const record = await firstOf(gateway, '/v1/requests')
    expect(record.arm).toBe(armOf.get('u0') === 'e0' ? 'old' : 'new')
    const metrics = await (await get(gateway, '/metrics')).text()
    const lines = metrics.split('\n').filter((line) => line.includes('arm_requests_total{'))
    const counts = lines.map((line) => Number(line.split(' ').at(-1)))
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(30)
  })
})

describe('fallback', () => {
  const busy: Handler = (_, response) => {
    response.writeHead(500).end('{"error":{"message":"busy"}}')
  }

  test('a class of failure goes where the Route says', async () => {
    const { gateway, asked } = await bed(
      ([a, b, c]) => ({
        targets: [{ ...a }, { ...b, tier: 1 }, { ...c, tier: 2 }],
        fallback: { failing: 2 },
      }),
      { engines: [busy, null, null] },
    )
    expect(await who(gateway)).toBe('e2')
    expect(asked.map(({ length }) => length)).toEqual([1, 0, 1]) // no retry, no tier 1
  })

  test('stop means stop', async () => {
    const { gateway, asked } = await bed(
      ([a, b]) => ({ targets: [{ ...a }, { ...b, tier: 1 }], fallback: { failing: 'stop' } }),
      { engines: [busy, null] },
    )
    expect((await ask(gateway)).status).toBe(502)
    expect(asked.map(({ length }) => length)).toEqual([1, 0])
  })
})

describe('shadows', () => {
  const price = { inputPerMillion: 2, outputPerMillion: 10 }
  const costNanos = 10 * 2_000 + 5 * 10_000
  const shadowed =
    (shadow: object) =>
    ([a, b]: readonly { provider: string; model: string }[]): Input => ({
      targets: [{ provider: a?.provider ?? '', model: 'm', price }],
      shadow: { target: { ...b, price }, ...shadow },
    })

  test('both answers are compared, and the caller gets the live one', async () => {
    const { gateway } = await bed(shadowed({}), { engines: [null, null] })
    expect(await who(gateway)).toBe('e0')
    expect(await firstOf(gateway, '/v1/comparisons')).toMatchObject({
      ...{ route: 'chat', failure: null, isSame: false, similarity: 0 },
      live: { targets: ['e0/m'], costNanos, outputTokens: 5 },
      shadow: { targets: ['e1/m'], costNanos, outputTokens: 5 },
    })
  })

  test('streams are compared by what they say', async () => {
    const stream: Handler = (_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      const choice = { index: 0, delta: { content: 'hi' }, finish_reason: 'stop' }
      response.write(`data: ${JSON.stringify({ id: 'c', choices: [choice] })}\n\n`)
      response.end('data: [DONE]\n\n')
    }
    const { gateway } = await bed(shadowed({}), { engines: [stream, stream] })
    expect((await ask(gateway, { stream: true })).text).toContain('[DONE]')
    const comparison = await firstOf(gateway, '/v1/comparisons')
    expect(comparison).toMatchObject({ failure: null, isSame: true, similarity: 1 })
  })

  test('a shadow that hangs or fails holds nobody up (H1), and few hang at a time (H3)', async () => {
    const hangs: Handler = () => {}
    const { gateway, asked } = await bed(shadowed({ concurrentMax: 2 }), { engines: [null, hangs] })
    for (let i = 0; i < 6; i++) expect(await who(gateway)).toBe('e0')
    expect(asked[1]?.length).toBeLessThanOrEqual(2)
    const metrics = await (await get(gateway, '/metrics')).text()
    expect(metrics).toContain('shadows_left_out_total{route="default/chat"} 4')
    await gateway.stop() // it does not wait for them either
  })

  test('a failure is noted', async () => {
    const fails: Handler = (_, response) => response.writeHead(400).end('{}')
    const { gateway } = await bed(shadowed({}), { engines: [null, fails] })
    expect(await who(gateway)).toBe('e0')
    const comparison = await firstOf(gateway, '/v1/comparisons')
    expect(comparison).toMatchObject({ failure: 'refused', isSame: null, similarity: null })
  })

  test('it is paid by its own Budget and by no other (H2)', async () => {
    const plane = new CountingPlane(100)
    const budget = { project: 'default', limitDollars: 100, window: 'total' as const }
    const { gateway } = await bed(shadowed({ budget: 'trial' }), {
      engines: [null, null],
      change: {
        budgets: [
          { name: 'all', ...budget },
          { name: 'trial', ...budget },
        ],
      },
      plane,
    })
    expect(await who(gateway)).toBe('e0')
    await firstOf(gateway, '/v1/comparisons')
    await gateway.stop()
    expect(Object.fromEntries(plane.spent)).toEqual({ all: costNanos, trial: costNanos })
  })

  test('without a Budget the callers are charged for their own call alone (H2)', async () => {
    const plane = new CountingPlane(100)
    const { gateway } = await bed(shadowed({}), {
      engines: [null, null],
      change: {
        budgets: [{ name: 'all', project: 'default', limitDollars: 100, window: 'total' }],
      },
      plane,
    })
    expect(await who(gateway)).toBe('e0')
    await firstOf(gateway, '/v1/comparisons')
    await gateway.stop()
    expect(Object.fromEntries(plane.spent)).toEqual({ all: costNanos })
  })
})

describe('what a shadow took', () => {
  const price = { inputPerMillion: 2, outputPerMillion: 10 }
  const frame = (content: string, finish: string | null = null) =>
    `data: ${JSON.stringify({ id: 'c', choices: [{ index: 0, delta: { content }, finish_reason: finish }] })}\n\n`
  const well: Handler = (_, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.end(`${frame('all of it', 'stop')}data: [DONE]\n\n`)
  }
  const shadowed = ([a, b]: readonly { provider: string; model: string }[]): Input => ({
    targets: [{ provider: a?.provider ?? '', model: 'm', price }],
    shadow: { target: { ...b, price }, budget: 'trial' },
    attemptsMax: 1,
  })
  const budgets = [
    { name: 'trial', project: 'default', limitDollars: 100, window: 'total' as const },
  ]

  test('is charged where its answer broke off, too, and counts as its own (H2)', async () => {
    const cut: Handler = (_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write(frame('half of'), () => response.destroy())
    }
    const plane = new CountingPlane(100)
    const { gateway, told } = await bed(shadowed, {
      ...{ engines: [well, cut], change: { budgets }, plane },
    })
    await ask(gateway, { stream: true })
    const comparison = await firstOf(gateway, '/v1/comparisons')
    expect(comparison).toMatchObject({ failure: 'truncated' })
    await gateway.stop()
    expect(plane.open.size).toBe(0) // nothing is set aside for ever
    expect(plane.settledNanos).toBe(comparison.shadow.costNanos)
    expect(plane.settledNanos).toBeGreaterThan(0)
    const rows = told.filter(({ route }) => route === 'shadow/chat')
    const sum = (name: 'requests' | 'failed' | 'costNanos') =>
      rows.reduce((total, row) => total + row[name], 0)
    expect([sum('requests'), sum('failed')]).toEqual([1, 1])
    expect(sum('costNanos')).toBe(plane.settledNanos)
    expect(new Set(rows.map((row) => row.key))).toEqual(new Set(['app']))
  })

  test('a gateway that stops waits for no shadow that streams on', async () => {
    let begun = () => {}
    const hasBegun = new Promise<void>((resolve) => {
      begun = resolve
    })
    const endless: Handler = (_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write(frame('and on'), () => begun())
    }
    const plane = new CountingPlane(100)
    const { gateway } = await bed(shadowed, {
      ...{ engines: [well, endless], change: { budgets }, plane },
    })
    await ask(gateway, { stream: true })
    await hasBegun
    for (let i = 0; i < 3; i++) await get(gateway, '/metrics') // it has read the beginning by then
    await gateway.stop()
    expect(plane.open.size).toBe(0)
    expect(plane.settledNanos).toBeGreaterThan(0)
  })
})

/** Counts what each budget was charged. */
class CountingPlane extends MemoryPlane {
  readonly spent = new Map<string, number>()
  readonly #budgets = new Map<string, string>()

  override ask(request: LeaseRequest) {
    for (const { lease, nanos } of request.settled) {
      const name = this.#budgets.get(lease) ?? lease
      this.spent.set(name, Math.max(this.spent.get(name) ?? 0, nanos))
    }
    const answer = super.ask(request)
    for (const { lease, budget } of answer.granted) this.#budgets.set(lease, budget)
    return answer
  }
}
