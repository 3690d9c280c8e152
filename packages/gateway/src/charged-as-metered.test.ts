// Whatever becomes of calls, at once and on Routes of every kind: what records and usage say that they cost is what was
// taken from their Budgets.

import type { ServerResponse } from 'node:http'
import { routeSpec } from '@tutti/core/routing'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { key, newFolder, serve, signed, snapshotOf, world } from './gateway-world.fixture.ts'
import { MemoryPlane } from './memory-plane.fixture.ts'

const engineDoes = ['well', 'uncounted', 'fails', 'refuses', 'cuts', 'halfway', 'silent'] as const
type EngineDoes = (typeof engineDoes)[number]

interface Plan {
  readonly route: string
  readonly path: string
  readonly stream: boolean
  readonly secret: boolean
  /** When its caller leaves: as one is asked for him, after the first bytes, or not at all. */
  readonly leaves: 'asked' | 'begun' | 'never'
  /** What becomes of each attempt. */
  readonly attempts: readonly EngineDoes[]
}

const plans = fc.array(
  fc.record<Plan>({
    route: fc.constantFrom('plain', 'hedged', 'mirrored', 'guarded', 'kept'),
    path: fc.constantFrom('/v1/chat/completions', '/v1/messages'),
    stream: fc.boolean(),
    secret: fc.boolean(),
    leaves: fc.constantFrom('asked', 'begun', 'never', 'never'),
    attempts: fc.array(fc.constantFrom(...engineDoes), { minLength: 1, maxLength: 6 }),
  }),
  { minLength: 20, maxLength: 30 },
)

const usage = { prompt_tokens: 50, completion_tokens: 7, total_tokens: 57 }
const frame = (data: object) => `data: ${JSON.stringify(data)}\n\n`
const part = (content: string, finish_reason: string | null = null, more: object = {}) =>
  frame({ id: 'c', choices: [{ index: 0, delta: { content }, finish_reason }], ...more })

function answer(response: ServerResponse, does: EngineDoes, isStream: boolean): unknown {
  if (does === 'fails') return response.writeHead(500).end('{}')
  if (does === 'refuses') return response.writeHead(401).end('{}')
  if (does === 'cuts') return response.destroy()
  const counted = does === 'uncounted' ? {} : { usage }
  const type = isStream ? 'text/event-stream' : 'application/json'
  if (does === 'well' || does === 'uncounted') {
    const choices = [{ index: 0, message: { content: 'so it is' }, finish_reason: 'stop' }]
    response.writeHead(200, { 'content-type': type })
    if (!isStream) return response.end(JSON.stringify({ id: 'c', choices, ...counted }))
    return response.end(`${part('so ')}${part('it is', 'stop', counted)}data: [DONE]\n\n`)
  }
  if (does === 'silent') return
  response.writeHead(200, { 'content-type': type })
  return response.write(part('so '), () => response.destroy())
}

async function bed(all: readonly Plan[]) {
  const leaving = all.map(() => new AbortController())
  const counts = all.map(() => 0)
  const { url } = await serve((request, response, text) => {
    const body = JSON.parse(text)
    if (request.url?.endsWith('/embeddings')) {
      return response.end(JSON.stringify({ data: [{ embedding: [text.length % 7, 1] }], usage }))
    }
    if (request.url?.endsWith('/moderations')) {
      const category_scores = { harm: text.includes('7') ? 0.9 : 0.1 }
      const results = body.input.map(() => ({ flagged: false, category_scores }))
      return response.end(JSON.stringify({ results }))
    }
    const place = Number(/plan (\d+)/.exec(text)?.[1])
    const { attempts, leaves } = all[place] ?? { attempts: [], leaves: 'never' }
    const count = counts[place] ?? 0
    counts[place] = count + 1
    if (leaves === 'asked') leaving[place]?.abort()
    return answer(response, attempts[count % attempts.length] ?? 'well', body.stream === true)
  })
  const price = { inputPerMillion: 2, outputPerMillion: 10, perCall: 0.001 }
  const targets = ['e0', 'e1'].map((provider, tier) => ({ provider, model: 'm', price, tier }))
  const timers = { firstTokenMs: 100, idleMs: 100 }
  const shadow = {
    target: { provider: 'e1', model: 'm', price },
    budget: 'shadows',
    timeoutMs: 200,
  }
  const semantic = { route: 'embed', threshold: 0.99 }
  const guard = { detect: ['card'], classifier: { route: 'judge', threshold: 0.5 } }
  const route = (name: string, more: object = {}) => {
    const spec = routeSpec.parse({ targets, timeoutMs: 600, timers, ...more })
    return { name, project: 'default', ...spec }
  }
  const plane = new MemoryPlane(1_000)
  const snapshot = snapshotOf({
    routes: [
      ...[route('plain'), route('hedged', { timers: { ...timers, hedgeMs: 10 } })],
      ...[route('mirrored', { shadow }), route('guarded', { guard, bodies: {} })],
      ...[route('kept', { cache: { semantic }, shadow }), route('embed'), route('judge')],
    ],
    providers: ['e0', 'e1'].map((name) => ({
      ...{ name, project: 'default', dialect: 'openai' as const, baseUrl: `${url}/${name}` },
      allowPrivateNetwork: true,
    })),
    budgets: ['all', 'shadows'].map((name) => {
      return { name, project: 'default', limitDollars: 100, window: 'total' as const }
    }),
  })
  const { gateway, told } = await world(signed(snapshot), newFolder(), plane)
  const ask = async ({ route: model, path, stream, secret, leaves }: Plan, place: number) => {
    const content = `plan ${place}${secret ? ' of 4111 1111 1111 1111' : ''}`
    const leave = leaving[place] ?? new AbortController()
    const asked = await fetch(gateway.url + path, {
      ...{ method: 'POST', signal: leave.signal, headers: { authorization: `Bearer ${key}` } },
      body: JSON.stringify({ model, stream, max_tokens: 9, messages: [{ role: 'user', content }] }),
    })
    for await (const _ of asked.body ?? []) if (leaves === 'begun') leave.abort()
  }
  return { gateway, told, plane, ask }
}

test('charged = metered: whoever answers, breaks off, is asked besides or leaves (I6)', async () => {
  await fc.assert(
    fc.asyncProperty(plans, async (all) => {
      const { gateway, told, plane, ask } = await bed(all)
      await Promise.all(all.map((plan, place) => ask(plan, place).catch(() => {}))) // some are cut
      await gateway.stop() // all are over, shadows too
      const sum = told.reduce((nanos, row) => nanos + row.costNanos, 0)
      expect([plane.openNanos, sum]).toEqual([0, plane.settledNanos])
      expect(sum).toBeGreaterThan(0)
    }),
    { numRuns: 6 },
  )
})
