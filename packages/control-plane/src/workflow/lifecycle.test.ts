import type { CloudEvent } from '@tutti/core/workflow'
import { expect, test } from 'vitest'
import { openDatabase } from '../store/index.ts'
import { apply, bed, call, folder, usePlane } from '../test-plane.fixture.ts'
import { forgetLifecycle } from './lifecycle-rows.ts'

usePlane()

const prefix = 'io.serverlessworkflow.'
const flow = (name: string, tasks: readonly object[], more: object = {}) => {
  const document = { dsl: '1.0.3', namespace: 'life', name, version: '1.0.0' }
  return { document: { document, do: tasks, ...more } }
}
const declare = async (name: string, tasks: readonly object[], more: object = {}) => {
  const { status } = await apply('Workflow', `life.${name}:1.0.0`, flow(name, tasks, more))
  expect(status).toBe(201)
}
const start = async (name: string, request: object = {}): Promise<string> =>
  (await call('POST', `/workflows/life.${name}/runs`, request)).body.id

/** The run once it is in this state; the test's own time limit bounds the wait. */
async function runOnce(id: string, status: string) {
  for (;;) {
    const { body } = await call('GET', `/runs/${id}`)
    if (body.status === status) return body
    expect(['running', 'waiting', 'paused', 'queued']).toContain(body.status)
  }
}

/** A project that wants to be told of its runs. */
async function tell(level: 'none' | 'workflows' | 'tasks') {
  expect((await apply('Project', 'default', { lifecycleEvents: level })).status).toBeLessThan(300)
}

/** Follows until there are so many events; gives them with their places. */
async function follow(query: string, count: number, headers: Record<string, string> = {}) {
  const abort = new AbortController()
  const answer = await fetch(`${bed.plane.url}/api/v1/lifecycle?watch=true&${query}`, {
    headers: { authorization: `Bearer ${bed.admin}`, ...headers },
    signal: abort.signal,
  })
  const told: { place: number; event: CloudEvent }[] = []
  const events = (async () => {
    let text = ''
    for await (const part of answer.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      text += part
      const blocks = text.split('\n\n')
      text = blocks.pop() ?? ''
      for (const block of blocks) {
        const [, data, id] = /event: lifecycle\ndata: (.*)\nid: (\d+)/.exec(block) ?? []
        if (data !== undefined) told.push({ place: Number(id), event: JSON.parse(data) })
      }
      if (told.length >= count) break
    }
    abort.abort()
    return told.slice(0, count)
  })()
  return { events }
}

const typesOf = (told: readonly { event: CloudEvent }[]) =>
  told.map(({ event }) => String(event['type']).slice(prefix.length, -'.v1'.length))

const ask = { ask: { call: 'tutti.human', with: { title: 'Go?' } } }

test('a project that wants it is told of its runs in one order, and a follower goes on where it was', async () => {
  await declare('quiet', [{ a: { set: { b: 1 } } }])
  await runOnce(await start('quiet'), 'completed') // nobody wanted to know
  await tell('workflows')
  await declare('told', [ask])
  const live = await follow('workflow=life.told', 5)
  const id = await start('told', { labels: { shop: 'berlin' } })
  await runOnce(id, 'waiting')
  await call('POST', `/runs/${id}/pause`, {})
  await runOnce(id, 'paused')
  await call('POST', `/runs/${id}/pause`, {}) // it is already
  await call('POST', `/runs/${id}/resume`, {})
  await runOnce(id, 'waiting')
  await runOnce(await start('quiet'), 'completed')
  await call('POST', `/runs/${id}/cancel`, { reason: 'enough' })
  await runOnce(id, 'cancelled')
  const other = await start('told')
  const told = await live.events
  expect(typesOf(told)).toEqual([
    ...['workflow.started', 'workflow.suspended', 'workflow.resumed', 'workflow.cancelled'],
    'workflow.started',
  ])
  expect(told.map(({ event }) => event['subject'])).toEqual([id, id, id, id, other])
  const { body } = await call('GET', `/runs/${id}/lifecycle`)
  const derived = body.items.filter((event: CloudEvent) =>
    String(event['type']).includes('.workflow.'),
  )
  expect(told.slice(0, 4).map(({ event }) => event)).toEqual(derived)
  const [, second] = told
  const again = await follow('label=shop%3Dberlin', 2, { 'last-event-id': `${second?.place}` })
  expect(await again.events).toEqual(told.slice(2, 4))
  const page = await call(
    'GET',
    `/lifecycle?after=${second?.place}&type=${prefix}workflow.cancelled`,
  )
  expect(page.body.items).toEqual([told[3]])
  const all = await call('GET', '/lifecycle')
  const places = all.body.items.map(({ place }: { place: number }) => place)
  expect(places).toEqual(places.map((_: number, index: number) => index + 1)) // none is missing
  expect((await call('GET', '/lifecycle?after=x')).status).toBe(422)
  expect((await call('GET', '/lifecycle?workflow=x')).status).toBe(422)
  expect((await call('GET', '/lifecycle', undefined, { key: 'none' })).status).toBe(401)
})

test('with `tasks` it is told of the tasks, too, also of a run that goes on from another one', async () => {
  await tell('tasks')
  const nothing = { method: 'get', endpoint: 'http://127.0.0.1:1/' }
  await declare('tasks', [{ a: { set: { b: 1 } } }, { out: { call: 'http', with: nothing } }])
  const live = await follow('workflow=life.tasks', 13)
  const id = await start('tasks')
  await runOnce(id, 'faulted')
  const { body } = await call('POST', `/runs/${id}/retry`, {})
  const told = await live.events
  expect(typesOf(told)).toEqual([
    ...['workflow.started', 'task.created', 'task.started', 'task.completed'],
    ...['task.created', 'task.started', 'task.faulted', 'workflow.faulted'],
    ...['workflow.started', 'task.created', 'task.started', 'task.faulted'],
    'workflow.faulted',
  ])
  expect(told[6]?.event['data']).toMatchObject({ error: { status: 403 } })
  expect(told[8]?.event).toMatchObject({ id: `${body.id}#0`, subject: body.id })
})

test('of a run that is cancelled in its queue that is told', async () => {
  await tell('workflows')
  const metadata = { tutti: { concurrency: 1 } }
  const spec = flow('queued', [ask])
  Object.assign(spec.document.document, { metadata })
  expect((await apply('Workflow', 'life.queued:1.0.0', spec)).status).toBe(201)
  const live = await follow('workflow=life.queued', 2)
  await runOnce(await start('queued'), 'waiting')
  const id = await start('queued')
  await call('POST', `/runs/${id}/cancel`, { reason: 'enough' })
  const told = await live.events
  expect(typesOf(told)).toEqual(['workflow.started', 'workflow.cancelled'])
  expect(told[1]?.event).toMatchObject({ id: `${id}#0`, subject: id })
  const { body } = await call('GET', `/runs/${id}/lifecycle`)
  expect(body.items).toEqual([told[1]?.event])
})

test('a run hears how others end where it names the type, and nobody hears his own echo', async () => {
  await tell('workflows')
  const faulted = { type: `${prefix}workflow.faulted.v1` }
  const hear = { hear: { listen: { to: { one: { with: faulted } }, read: 'envelope' } } }
  await declare('hears', [hear, { fail: { raise: { error: { type: 'https://e', status: 500 } } } }])
  await declare('any', [{ hear: { listen: { to: { any: [] } } } }])
  await declare('started', [{ a: { set: { b: 1 } } }], {
    schedule: { on: { one: { with: faulted } } },
  })
  const fail = { raise: { error: { type: 'https://broken', status: 500 } } }
  await declare('fails', [{ fail }])
  const child = { namespace: 'life', name: 'fails', version: '1.0.0' }
  const sub = { run: { workflow: child, await: false } }
  await declare('parent', [{ sub }])
  const [hears, any] = [await start('hears'), await start('any')]
  await runOnce(hears, 'waiting')
  await runOnce(any, 'waiting')
  await runOnce(await start('parent'), 'completed')
  const id = await start('fails')
  const { entries } = await runOnce(hears, 'faulted')
  expect(entries[1].event).toMatchObject({ ...faulted, subject: id })
  for (;;) {
    const { body } = await call('GET', '/runs?name=started')
    if (body.items.length > 0 && body.items[0].status === 'completed') break
  }
  // What is told after all of them has come: by then the subflow's and the listener's own would have.
  const second = await start('fails')
  for (;;) {
    const { body } = await call('GET', '/runs?name=started')
    if (body.items.length > 1) {
      const runs = body.items.map(({ id: run }: { id: string }) => call('GET', `/runs/${run}`))
      const causes = (await Promise.all(runs)).map((run) => run.body.entries[0].input[0].name)
      expect(causes.sort()).toEqual([`fails-${id}.life`, `fails-${second}.life`].sort())
      break
    }
  }
  expect((await call('GET', `/runs/${any}`)).body.status).toBe('waiting')
})

test('events are kept for a week, and who comes back later is told so', async () => {
  const { body } = await call('GET', '/lifecycle')
  const newest = body.items.at(-1).place
  const database = await openDatabase({ url: undefined, dataFolder: folder })
  try {
    const { sql } = database
    await sql`update workflow_lifecycle set at_ms = 0 where place < ${newest}`
    await forgetLifecycle(sql, 8 * 86_400_000)
  } finally {
    await database.stop()
  }
  const { items } = (await call('GET', '/lifecycle')).body // others may have come since
  expect(items[0]).toEqual(body.items.at(-1))
  expect((await call('GET', `/lifecycle?after=${newest - 1}`)).status).toBe(200)
  const late = await call('GET', `/lifecycle?after=${newest - 2}`)
  expect([late.status, late.body.error.message]).toEqual([
    ...[409, `events up to ${newest - 1} are not kept any more: go on after that one`],
  ])
})
