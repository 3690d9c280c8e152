import { expect, test, vi } from 'vitest'
import { openDatabase } from '../store/index.ts'
import { apply, bed, call, folder, pushModel, usePlane } from '../test-plane.fixture.ts'

usePlane()

test('a watch ends where a change may have been missed: its client starts again from a list', async () => {
  const database = await openDatabase({ url: undefined, dataFolder: folder })
  try {
    const answer = await fetch(`${bed.plane.url}/api/v1/projects?watch=true`, {
      headers: { authorization: `Bearer ${bed.admin}` },
    })
    const reader = answer.body?.getReader()
    const first = await reader?.read()
    expect(new TextDecoder().decode(first?.value)).toContain('event: added')
    await database.sql`
      select pg_terminate_backend(pid) from pg_stat_activity where query ilike 'listen%'`
    while ((await reader?.read())?.done !== true);
  } finally {
    await database.stop()
  }
})

async function start(name: string, tasks: readonly object[], more: object = {}): Promise<string> {
  const document = { dsl: '1.0.3', namespace: 'test', name, version: '1.0.0' }
  const spec = { document: { document, do: tasks, ...more } }
  expect((await apply('Workflow', `test.${name}:1.0.0`, spec)).status).toBe(201)
  return (await call('POST', `/workflows/test.${name}/runs`, {})).body.id
}

/** How the run ended, or who it waits for; the test's own time limit bounds the wait. */
async function untilRun(id: string, status: 'completed' | 'waiting') {
  for (;;) {
    const { body } = await call('GET', `/runs/${id}`)
    if (body.status === status) return body
    expect(['running', 'waiting']).toContain(body.status)
  }
}

test('who follows a journal is told of what is new, and does not look for it', async () => {
  const own = setTimeout
  const never = 2 ** 31 - 1
  // A follower's own look comes ten seconds later: here it never comes.
  const timers = vi
    .spyOn(globalThis, 'setTimeout')
    .mockImplementation((run, ms, ...given) => own(run, ms === 10_000 ? never : ms, ...given))
  try {
    const steps = ['a', 'b', 'c', 'd']
    const ask = { call: 'tutti.human', with: { title: 'Go?' } }
    const id = await start(
      'told',
      steps.map((step) => ({ [step]: ask })),
    )
    const answer = await fetch(`${bed.plane.url}/api/v1/runs/${id}/events`, {
      headers: { authorization: `Bearer ${bed.admin}` },
    })
    let [text, place]: [string, number] = ['', 0]
    for await (const part of answer.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      text += part
      // Each answer is given once the follower has seen the one before.
      for (; place < steps.length && text.includes(`id: ${place}\n`); place++) {
        const key = `/do/${place}/${steps[place]}`
        await untilRun(id, 'waiting')
        await call('POST', `/runs/${id}/answer`, { key, answer: place })
      }
    }
    expect(text.match(/^event: .*$/gm)).toEqual([
      'event: started',
      ...steps.map(() => 'event: completed'),
      'event: ended',
    ])
  } finally {
    timers.mockRestore()
  }
})

test('who waits for a rollout hears that it has ended, and how', async () => {
  const ended = { type: 'tutti.rollout.ended.v1', subject: 'gone' }
  const id = await start('waits', [{ hear: { listen: { to: { one: { with: ended } } } } }])
  await untilRun(id, 'waiting')
  await pushModel('m', 'v1')
  for (const name of ['other', 'gone']) {
    expect((await apply('Deployment', name, { model: 'm:v1' })).status).toBe(201)
    while ((await call('GET', `/rollouts/${name}-g1`)).status !== 200);
    expect((await call('DELETE', `/deployments/${name}`)).status).toBe(200)
  }
  const { outcome } = await untilRun(id, 'completed')
  const told = [{ deployment: 'gone', generation: 1, phase: 'superseded', byGeneration: 2 }]
  expect(outcome).toEqual({ status: 'completed', output: told })
})

test('a run that starts after a Secret was changed has it as it is then', async () => {
  const use = { use: { secrets: ['token'] } }
  const tasks = [{ say: { set: { is: '${ $secrets.token | length }' } } }]
  await apply('Secret', 'token', { value: 'x' })
  const first = await start('secretive', tasks, use)
  expect((await untilRun(first, 'completed')).outcome.output).toEqual({ is: 1 })
  for (let length = 2; length < 20; length++) {
    await apply('Secret', 'token', { value: 'x'.repeat(length) })
    const { body } = await call('POST', '/workflows/test.secretive/runs', {})
    expect((await untilRun(body.id, 'completed')).outcome.output).toEqual({ is: length })
  }
})
