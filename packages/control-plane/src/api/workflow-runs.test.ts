import { canonicalJson, signingPrefix } from '@tutti/core/resource'
import { newPrivateKey, signText } from '@tutti/ledger'
import { expect, test } from 'vitest'
import {
  adminApproval,
  apply,
  bed,
  call,
  makeKey,
  sha256,
  usePlane,
} from '../test-plane.fixture.ts'

usePlane()

const flow = (name: string, tasks: unknown, version = '1.0.0') => ({
  document: {
    document: { dsl: '1.0.3', namespace: 'shop', name, version },
    do: tasks,
  },
})

/** The run once it is in this state; the test's own time limit bounds the wait. */
async function runOnce(id: string, status: string) {
  for (;;) {
    const { body } = await call('GET', `/runs/${id}`)
    if (body.status === status) return body
    if (['completed', 'faulted', 'cancelled'].includes(body.status)) {
      throw new Error(`it is ${body.status}: ${JSON.stringify(body.outcome)}`)
    }
  }
}

test('a document is declared as a resource of its own name, and is refused where it is wrong', async () => {
  const tasks = [{ greet: { set: { hello: '${ .name }' } } }]
  expect((await apply('Workflow', 'shop.greet:1.0.0', flow('greet', tasks))).status).toBe(201)
  const misnamed = await apply('Workflow', 'shop.other:1.0.0', flow('greet', tasks))
  expect(misnamed.status).toBe(422)
  expect(misnamed.body.error.message).toContain('shop.greet:1.0.0')
  const wrong = await apply(
    'Workflow',
    'shop.bad:1.0.0',
    flow('bad', [{ a: { set: { x: '${ nope }' } } }]),
  )
  expect(wrong.body.error.message).toContain('nope/0 is not defined')
  const changed = await apply(
    'Workflow',
    'shop.greet:1.0.0',
    flow('greet', [{ a: { set: { b: 1 } } }]),
  )
  expect(changed.status).toBe(422)
  expect(changed.body.error.message).toContain('give its document another version')
  const started = await call('POST', '/workflows/shop.greet/runs', { input: { name: 'Ada' } })
  expect(started).toMatchObject({ status: 201, body: { workflow: 'shop.greet:1.0.0' } })
  const run = await runOnce(started.body.id, 'completed')
  expect(run.outcome).toEqual({ status: 'completed', output: { hello: 'Ada' } })
  expect(run.hash).toMatch(/^[0-9a-f]{64}$/)
  const { body } = await call('GET', '/runs?status=completed&name=greet')
  expect(body.items).toHaveLength(1)
})

test('a run without a version takes the newest; one of no workflow is refused', async () => {
  for (const version of ['1.0.0', '1.1.0']) {
    const spec = flow('many', [{ a: { set: { version } } }], version)
    expect((await apply('Workflow', `shop.many:${version}`, spec)).status).toBe(201)
  }
  const newest = await call('POST', '/workflows/shop.many/runs', {})
  expect(newest.body.workflow).toBe('shop.many:1.1.0')
  const pinned = await call('POST', '/workflows/shop.many:1.0.0/runs', {})
  expect((await runOnce(pinned.body.id, 'completed')).outcome.output).toEqual({ version: '1.0.0' })
  const none = await call('POST', '/workflows/shop.none/runs', {})
  expect([none.status, none.body.error.message]).toEqual([
    ...[404, 'there is no Workflow shop.none in project default'],
  ])
  const odd = await call('GET', '/runs?status=nonsense')
  expect([odd.status, odd.body.error.message]).toEqual([422, expect.stringContaining('waiting')])
  expect((await call('POST', '/workflows/nonsense/runs', {})).status).toBe(422)
  expect((await call('GET', '/runs/none')).status).toBe(404)
})

test('a person answers: the role, the form, once; the answer says who gave it', async () => {
  const form = {
    type: 'object',
    required: ['approved'],
    properties: { approved: { type: 'boolean' } },
  }
  const human = { title: 'Refund?', form, assignee: { role: 'approver' }, amount: '${ .amount }' }
  const tasks = [
    { decide: { call: 'tutti.human', with: human } },
    { note: { set: { by: '${ .by }', approved: '${ .answer.approved }' } } },
  ]
  await apply('Workflow', 'shop.refund:1.0.0', flow('refund', tasks))
  const { body } = await call('POST', '/workflows/shop.refund/runs', { input: { amount: 70 } })
  await runOnce(body.id, 'waiting')
  const listed = await call('GET', '/tasks')
  expect(listed.body.items).toMatchObject([
    { run: body.id, key: '/do/0/decide', role: 'approver', task: { title: 'Refund?', amount: 70 } },
  ])
  const viewer = await makeKey('vera', ['viewer'])
  const answer = (given: unknown, key = bed.admin) =>
    call('POST', `/runs/${body.id}/answer`, { key: '/do/0/decide', answer: given }, { key })
  expect((await answer({ approved: true }, viewer)).status).toBe(403)
  expect((await answer({ approved: 'perhaps' })).status).toBe(422)
  const approver = await makeKey('ann', ['approver'])
  expect((await answer({ approved: true }, approver)).status).toBe(202)
  const run = await runOnce(body.id, 'completed')
  expect(run.outcome.output).toEqual({ by: 'ann', approved: true })
  expect((await answer({ approved: true })).status).toBe(404)
  expect((await call('GET', '/tasks')).body.items).toEqual([])
})

test('a deadline that nobody meets is an error that can be caught', async () => {
  const human = { title: 'Quick?', deadline: { milliseconds: 30 } }
  const ask = { ask: { call: 'tutti.human', with: human } }
  const late = { do: [{ late: { set: { late: '${ $error.status }' } } }] }
  await apply('Workflow', 'shop.quick:1.0.0', flow('quick', [{ t: { try: [ask], catch: late } }]))
  const { body } = await call('POST', '/workflows/shop.quick/runs', {})
  expect((await runOnce(body.id, 'completed')).outcome.output).toEqual({ late: 408 })
  expect((await call('GET', '/tasks')).body.items).toEqual([])
})

test('events reach who waits for them; a run is cancelled; who may only read starts nothing', async () => {
  const listen = {
    hear: { listen: { to: { one: { with: { type: 'paid', data: '${ .order == 7 }' } } } } },
  }
  await apply('Workflow', 'shop.paid:1.0.0', flow('paid', [listen]))
  const first = await call('POST', '/workflows/shop.paid/runs', {})
  const second = await call('POST', '/workflows/shop.paid/runs', {})
  await runOnce(second.body.id, 'waiting')
  await call('POST', `/runs/${second.body.id}/cancel`, { reason: 'enough' })
  expect((await runOnce(second.body.id, 'cancelled')).outcome.reason).toBe('enough')
  expect((await call('POST', `/runs/${second.body.id}/cancel`, {})).status).toBe(409)
  await runOnce(first.body.id, 'waiting')
  const event = (id: string, order: number) => ({
    specversion: '1.0',
    id,
    source: '/tills/1',
    type: 'paid',
    data: { order },
  })
  await call('POST', '/events', event('1', 6))
  expect((await call('POST', '/events', event('2', 7))).body).toEqual({ isNew: true })
  expect((await call('POST', '/events', event('2', 7))).body).toEqual({ isNew: false })
  expect((await runOnce(first.body.id, 'completed')).outcome.output).toEqual([{ order: 7 }])
  const viewer = await makeKey('vic', ['viewer'])
  expect((await call('POST', '/workflows/shop.paid/runs', {}, { key: viewer })).status).toBe(403)
  expect((await call('GET', `/runs/${first.body.id}`, undefined, { key: viewer })).status).toBe(200)
})

test('a failed step is tried again in a new run; what was done before it is not', async () => {
  const tasks = [
    { first: { set: { at: '${ now }' } } },
    { out: { call: 'http', with: { method: 'get', endpoint: 'http://127.0.0.1:1/' } } },
  ]
  await apply('Workflow', 'shop.out:1.0.0', flow('out', tasks))
  const { body } = await call('POST', '/workflows/shop.out/runs', {})
  const failed = await runOnce(body.id, 'faulted')
  expect(failed.outcome.error).toMatchObject({ status: 403, instance: '/do/1/out' })
  const retried = await call('POST', `/runs/${body.id}/retry`, {})
  expect(retried.status).toBe(201)
  const again = await runOnce(retried.body.id, 'faulted')
  expect(again.labels).toEqual({ 'tutti/retry-of': body.id })
  expect(again.entries[1]).toEqual(failed.entries[1])
  const { of, awayMs, atMs } = again.entries[2]
  expect([of, atMs - awayMs]).toEqual([body.id, failed.entries[1].atMs])
})

const waits = (name: string) =>
  flow(name, [
    { first: { set: { n: '${ .n }' } } },
    { nap: { wait: { milliseconds: 30 } } },
    { last: { set: { n: '${ .n * 2 }', done: true } } },
  ])

test('a paused run begins nothing, whatever its time says, until it is resumed', async () => {
  const ask = { ask: { call: 'tutti.human', with: { title: 'Go?' } } }
  const after = { after: { wait: { milliseconds: 1 } } }
  await apply('Workflow', 'shop.held:1.0.0', flow('held', [ask, after]))
  const { body } = await call('POST', '/workflows/shop.held/runs', {})
  await runOnce(body.id, 'waiting')
  expect((await call('POST', `/runs/${body.id}/pause`, {})).status).toBe(202)
  await runOnce(body.id, 'paused')
  // An answer is kept; what would follow from it waits.
  const answer = { key: '/do/0/ask', answer: 'yes' }
  expect((await call('POST', `/runs/${body.id}/answer`, answer)).status).toBe(202)
  for (;;) {
    const { body: run } = await call('GET', `/runs/${body.id}`)
    if (run.entries.length > 2) break
  }
  expect((await runOnce(body.id, 'paused')).wakeAtMs).toBeNull()
  expect((await call('POST', `/runs/${body.id}/resume`, {})).status).toBe(202)
  expect((await runOnce(body.id, 'completed')).outcome.output).toMatchObject({ answer: 'yes' })
  expect((await call('POST', `/runs/${body.id}/pause`, {})).status).toBe(409)
})

test('a run is done again from any task, with another input', async () => {
  await apply('Workflow', 'shop.again:1.0.0', waits('again'))
  const { body } = await call('POST', '/workflows/shop.again/runs', { input: { n: 1 } })
  await runOnce(body.id, 'completed')
  const fork = (more: object) => call('POST', `/runs/${body.id}/fork`, more)
  const edited = await fork({ from: '/do/2/last', input: { n: 21 } })
  expect(edited.status).toBe(201)
  const run = await runOnce(edited.body.id, 'completed')
  expect(run.outcome.output).toEqual({ n: 42, done: true })
  expect(run.labels).toEqual({ 'tutti/fork-of': body.id })
  const same = await fork({ from: '/do/0/first' })
  expect((await runOnce(same.body.id, 'completed')).outcome.output).toEqual({ n: 2, done: true })
  expect((await fork({ from: '/do/7/none' })).status).toBe(409)
  expect((await fork({})).status).toBe(422)
})

test('a fork waits for what the run waited for: people, events, and time from now on', async () => {
  const ask = { ask: { call: 'tutti.human', with: { title: 'Go?', deadline: { hours: 1 } } } }
  const hear = { hear: { listen: { to: { one: { with: { type: 'forked' } } } } } }
  await apply('Workflow', 'shop.asks:1.0.0', flow('asks', [ask, hear]))
  const { body } = await call('POST', '/workflows/shop.asks/runs', {})
  const first = await runOnce(body.id, 'waiting')
  const fork = async (of: string, from: string) => {
    const forked = await call('POST', `/runs/${of}/fork`, { from })
    return await runOnce(forked.body.id, 'waiting')
  }
  const answer = { key: '/do/0/ask', answer: 'yes' }
  const second = await fork(body.id, '/do/0/ask')
  expect(second.wakeAtMs - first.wakeAtMs).toBe(second.startedAtMs - first.startedAtMs)
  expect((await call('POST', `/runs/${second.id}/answer`, answer)).status).toBe(202)
  for (;;) if ((await runOnce(second.id, 'waiting')).waiting[0]?.kind === 'event') break
  const third = await fork(second.id, '/do/1/hear')
  const event = { specversion: '1.0', id: 'f', source: '/tills/1', type: 'forked', data: 1 }
  await call('POST', '/events', event)
  for (const { id } of [second, third]) {
    expect((await runOnce(id, 'completed')).outcome.output).toEqual([1])
  }
})

test('runs are found by labels, time, version and error', async () => {
  const tasks = [
    { a: { raise: { error: { type: 'https://e', status: 400, detail: 'No Stock' } } } },
  ]
  await apply('Workflow', 'shop.find:1.0.0', flow('find', tasks))
  const ids: string[] = []
  for (const labels of [{ shop: 'a', kind: 'x' }, { shop: 'b' }]) {
    const { body } = await call('POST', '/workflows/shop.find/runs', { labels })
    await runOnce(body.id, 'faulted').catch(() => {})
    ids.push(body.id)
  }
  const find = async (query: string) => {
    const { body } = await call('GET', `/runs?name=find&${query}`)
    return body.items?.map(({ id }: { id: string }) => ids.indexOf(id))
  }
  expect(await find('label=shop=a')).toEqual([0])
  expect(await find('label=shop=a&label=kind=y')).toEqual([])
  expect((await find('error=no%20stock&version=1.0.0')).sort()).toEqual([0, 1])
  expect(await find('error=sold')).toEqual([])
  expect(await find('startedUntil=2020-01-01T00:00:00Z')).toEqual([])
  expect(await find('startedFrom=2020-01-01T00:00:00Z&limit=1')).toEqual([1])
  expect((await call('GET', '/runs?label=nonsense')).status).toBe(422)
  expect((await call('GET', '/runs?startedFrom=soon')).status).toBe(422)
})

test('policy sees what a document may reach, when it is declared and before it runs', async () => {
  const rule = (action: string, what: string) => `@id("no-outside-${action}")
@reason("workflows stay inside")
forbid(principal, action == Action::"${action}", resource is Workflow)
when { context has plan && ${what} };`
  const cedar = [
    rule('create', 'context.plan.processes.contains("shell")'),
    rule(
      'run',
      '(context.plan.hosts.contains("evil.example") || !(context.plan has costMicrosMax))',
    ),
  ].join('\n')
  expect((await apply('Policy', 'inside', { cedar })).status).toBe(201)
  const shell = [{ sh: { run: { shell: { command: 'ls' } } } }]
  expect((await apply('Workflow', 'shop.shell:1.0.0', flow('shell', shell))).status).toBe(403)
  const http = { call: 'http', with: { method: 'get', endpoint: 'https://evil.example/x' } }
  const agent = { call: 'tutti.agent', with: { route: 'r', prompt: 'x' } }
  for (const [name, task] of Object.entries({ evil: http, costly: agent })) {
    expect((await apply('Workflow', `shop.${name}:1.0.0`, flow(name, [{ a: task }]))).status).toBe(
      201,
    )
    const refused = await call('POST', `/workflows/shop.${name}/runs`, {})
    expect(refused.status).toBe(403)
    expect(refused.body.error.message).toContain('workflows stay inside')
  }
  await apply('Workflow', 'shop.fine:1.0.0', waits('fine'))
  expect((await call('POST', '/workflows/shop.fine/runs', {})).status).toBe(201)
})

test('policy goes by the labels of a workflow, whoever starts its runs and whatever is done with them', async () => {
  const sealed = `@id("sealed")
@reason("sealed workflows rest")
forbid(principal, action in [Action::"run", Action::"read"], resource is Workflow)
when { resource.hasTag("sealed") };`
  await apply('Workflow', 'shop.sealed:1.0.0', waits('sealed'))
  const { body } = await call('POST', '/workflows/shop.sealed/runs', {})
  const spec = flow('nightly', [{ a: { set: { b: 1 } } }])
  Object.assign(spec.document, { schedule: { after: { days: 1 } } })
  const metadata = { labels: { sealed: 'yes' } }
  await apply('Workflow', 'shop.sealed:1.0.0', waits('sealed'), { metadata })
  expect((await apply('Policy', 'sealed', { cedar: sealed })).status).toBe(201)
  await apply('Workflow', 'shop.nightly:1.0.0', spec, { metadata })
  const answers = await Promise.all([
    call('POST', '/workflows/shop.sealed/runs', {}),
    call('POST', '/workflows/shop.sealed/upgrade', { to: '1.0.0' }),
    call('POST', `/runs/${body.id}/cancel`, {}),
    call('GET', `/runs/${body.id}`),
  ])
  expect(answers.map(({ status }) => status)).toEqual([403, 403, 403, 403])
  for (;;) {
    const { body: seen } = await call('GET', '/schedules')
    const nightly = seen.items.find((one: { workflow: string }) => /nightly/.test(one.workflow))
    if (nightly?.refusal == null) continue
    expect(nightly.refusal.reason).toContain('sealed workflows rest')
    break
  }
})

test('ticks of the past are made up for; who may only read asks for none', async () => {
  const spec = flow('daily', [{ a: { set: { at: '${ .tick }' } } }])
  Object.assign(spec.document, { schedule: { cron: '0 6 * * *' } })
  await apply('Workflow', 'shop.daily:1.0.0', spec)
  const time = { from: '2026-11-01T00:00:00Z', until: '2026-11-03T00:00:00Z' }
  const viewer = await makeKey('van', ['viewer'])
  const path = '/workflows/shop.daily/backfill'
  expect((await call('POST', path, time, { key: viewer })).status).toBe(403)
  expect((await call('POST', path, { from: 'soon' })).status).toBe(422)
  expect((await call('POST', '/workflows/shop.none/backfill', time)).status).toBe(404)
  const { status, body } = await call('POST', path, time)
  expect([status, body.runs]).toEqual([202, 2])
  for (;;) {
    const runs = await call('GET', `/runs?label=tutti/backfill=${body.id}&status=completed`)
    if (runs.body.items.length < 2) continue
    const ticks = runs.body.items.map((run: { outcome: { output: object } }) => run.outcome.output)
    expect(ticks).toContainEqual({ at: '2026-11-01T06:00:00.000Z' })
    break
  }
})

test('runs that wait are taken to another version by who may start it', async () => {
  const ask = { ask: { call: 'tutti.human', with: { title: 'Go?' } } }
  for (const version of ['1.0.0', '1.1.0']) {
    const spec = flow('up', [ask, { last: { set: { version } } }], version)
    await apply('Workflow', `shop.up:${version}`, spec)
  }
  const { body } = await call('POST', '/workflows/shop.up:1.0.0/runs', {})
  await runOnce(body.id, 'waiting')
  const viewer = await makeKey('vito', ['viewer'])
  const path = '/workflows/shop.up/upgrade'
  expect((await call('POST', path, { to: '1.1.0' }, { key: viewer })).status).toBe(403)
  expect((await call('POST', path, { to: '9.0.0' })).status).toBe(404)
  expect((await call('POST', path, {})).status).toBe(422)
  const upgraded = await call('POST', path, { to: '1.1.0' })
  expect(upgraded.body).toEqual({ moved: [body.id], differing: [], after: null })
  await call('POST', `/runs/${body.id}/answer`, { key: '/do/0/ask', answer: 1 })
  const run = await runOnce(body.id, 'completed')
  expect([run.workflow, run.outcome.output]).toEqual(['shop.up:1.1.0', { version: '1.1.0' }])
})

test('a schedule that policy forbids is seen, and starts nothing', async () => {
  const frozen = `@id("frozen")
@reason("nothing starts by itself")
forbid(principal == Automation::"schedule", action == Action::"run", resource is Workflow)
when { context has plan && context.plan.routes.contains("llm") };`
  expect((await apply('Policy', 'frozen', { cedar: frozen })).status).toBe(201)
  for (const name of ['asking', 'plain']) {
    const call = { call: 'tutti.infer', with: { route: 'llm', messages: [] } }
    const spec = flow(name, [{ a: name === 'asking' ? call : { set: { b: 1 } } }])
    Object.assign(spec.document, { schedule: { after: { days: 1 } } })
    expect((await apply('Workflow', `shop.${name}:1.0.0`, spec)).status).toBe(201)
  }
  for (;;) {
    const { body } = await call('GET', '/schedules')
    const of = (name: string) =>
      body.items.find((item: { workflow: string }) => item.workflow === `shop.${name}:1.0.0`)
    if (of('asking')?.refusal == null || of('plain')?.run == null) continue
    expect(of('asking').refusal).toMatchObject({ ticks: 1 })
    expect(of('asking').refusal.reason).toContain('nothing starts by itself')
    break
  }
  const { body } = await call('GET', '/runs?name=asking')
  expect(body.items).toEqual([])
})

test('a run waits in its queue, can be looked at there, and is seen as cancelled when it is', async () => {
  const spec = flow('queued', [{ ask: { call: 'tutti.human', with: { title: 'Go?' } } }])
  Object.assign(spec.document.document, { metadata: { tutti: { concurrency: 1 } } })
  await apply('Workflow', 'shop.queued:1.0.0', spec)
  const begin = async () => (await call('POST', '/workflows/shop.queued/runs', {})).body.id
  const [first, second, third] = [await begin(), await begin(), await begin()]
  await runOnce(first, 'waiting')
  expect((await call('GET', `/runs/${second}`)).body.status).toBe('queued')
  expect((await call('POST', `/runs/${second}/pause`, {})).status).toBe(409)
  const { body } = await call('GET', '/runs?status=queued')
  expect(body.items.map(({ id }: { id: string }) => id)).toEqual([second, third])
  expect((await call('POST', `/runs/${second}/cancel`, {})).status).toBe(202)
  const gone = await call('GET', `/runs/${second}`)
  expect(gone.body.status).toBe('cancelled')
  expect(gone.body.entries.map(({ kind }: { kind: string }) => kind)).toEqual(['cancelled'])
  expect((await call('POST', `/runs/${second}/retry`, {})).status).toBe(409)
  expect((await call('POST', `/runs/${second}/fork`, { from: '/do/0/ask' })).status).toBe(409)
  expect((await call('POST', `/runs/${second}/cancel`, {})).status).toBe(409)
  await call('POST', `/runs/${first}/answer`, { key: '/do/0/ask', answer: 1 })
  await runOnce(third, 'waiting')
})

/** The server-sent events of a run until it has ended, or until there are so many. */
async function eventsOf(id: string, last: string | null, count = Number.POSITIVE_INFINITY) {
  const aborted = new AbortController()
  const headers = {
    authorization: `Bearer ${bed.admin}`,
    ...(last === null ? {} : { 'last-event-id': last }),
  }
  const url = `${bed.plane.url}/api/v1/runs/${id}/events`
  const answer = await fetch(url, { headers, signal: aborted.signal })
  if (!answer.ok) return answer.status
  let text = ''
  for await (const part of answer.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    text += part
    if (text.split('\n\n').length > count) break
  }
  aborted.abort()
  const blocks = text.split('\n\n').slice(0, -1)
  return blocks.map((block) => [/^id: (.*)$/m.exec(block)?.[1], /^event: (.*)$/m.exec(block)?.[1]])
}

test('a journal is followed as it grows, and on from where one was cut off', async () => {
  const ask = { ask: { call: 'tutti.human', with: { title: 'Go?' } } }
  await apply('Workflow', 'shop.seen:1.0.0', flow('seen', [{ a: { set: { b: 1 } } }, ask]))
  const { body } = await call('POST', '/workflows/shop.seen/runs', {})
  expect(await eventsOf(body.id, null, 2)).toEqual([
    ['0', 'started'],
    ['1', 'completed'],
  ])
  const rest = eventsOf(body.id, '0') // in the middle of what one turn wrote
  await runOnce(body.id, 'waiting')
  await call('POST', `/runs/${body.id}/answer`, { key: '/do/1/ask', answer: 1 })
  const end = [
    ['1', 'completed'],
    ['2', 'completed'],
    [undefined, 'ended'],
  ]
  expect(await rest).toEqual(end)
  expect(await eventsOf(body.id, '1')).toEqual(end.slice(1))
  expect(await eventsOf(body.id, 'x')).toBe(422)
  expect(await eventsOf('none', null)).toBe(404)
  expect((await call('GET', `/runs/${body.id}/lineage`)).body).toEqual({ items: [] })
  const { body: lifecycle } = await call('GET', `/runs/${body.id}/lifecycle`)
  expect(lifecycle.items[0]).toMatchObject({ type: 'io.serverlessworkflow.workflow.started.v1' })
  expect(lifecycle.items.at(-1).type).toMatch(/workflow\.(completed|faulted)\.v1$/)
  const { body: lineage } = await call('GET', `/runs/${body.id}/openlineage`)
  expect(lineage.items.map((event: { eventType: string }) => event.eventType)).toEqual([
    ...['START', 'COMPLETE'],
  ])
  expect((await call('GET', '/runs?model=parts:v2')).body.items).toEqual([])
})

test('an answer is signed by the person who gives it, over what was asked', async () => {
  const human = { title: 'Sign?', signed: true, amount: '${ .amount }' }
  await apply(
    'Workflow',
    'shop.sign:1.0.0',
    flow('sign', [{ ask: { call: 'tutti.human', with: human } }]),
  )
  const begun = await call('POST', '/workflows/shop.sign/runs', { input: { amount: 5 } })
  const run: string = begun.body.id
  await runOnce(run, 'waiting')
  const { body: tasks } = await call('GET', '/tasks')
  const { task } = tasks.items.find((item: { run: string }) => item.run === run)
  const answer = (signed?: object, value: unknown = 'yes') =>
    call('POST', `/runs/${run}/answer`, { key: '/do/0/ask', answer: value, signed })
  const sign = (more: object, key = adminApproval) => {
    const statement = canonicalJson({
      ...{ format: 'tutti/answer/v1', run, key: '/do/0/ask', by: 'User::"admin"' },
      ...{ asked: sha256(canonicalJson(task)), answer: 'yes', ...more },
    })
    return { statement, signature: signText(key, signingPrefix.answer, statement) }
  }
  const said = async (signed?: object, value?: unknown) => {
    const { status, body } = await answer(signed, value)
    return [status, body.error?.message ?? '']
  }
  expect((await said())[1]).toContain('must be signed')
  expect((await said(sign({}, newPrivateKey())))[1]).toContain('is not signed by did:key')
  expect((await said(sign({ answer: 'no' })))[1]).toContain('another answer')
  expect((await said(sign({}), 'no'))[1]).toContain('another answer')
  expect((await said(sign({ run: 'other' })))[1]).toContain('another run')
  expect((await said(sign({ asked: sha256('{}') })))[1]).toContain('another asked')
  expect((await said(sign({})))[0]).toBe(202)
  const { outcome } = await runOnce(run, 'completed')
  expect(outcome.output).toMatchObject({ answer: 'yes', by: 'admin', signed: sign({}) })
  expect(outcome.output.signed.key).toMatch(/^did:key:z/)
})
