import { expect, test, vi } from 'vitest'
import { openDatabase } from '../store/index.ts'
import {
  apply,
  bed,
  call,
  folder,
  makeKey,
  pushModel,
  sha256,
  usePlane,
} from '../test-plane.fixture.ts'

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

test('a policy holds from the request on that follows it, however late its news are', async () => {
  const cedar = '@id("shut") forbid(principal, action, resource is Provider);'
  const create = (name: string) =>
    apply('Provider', name, { dialect: 'openai', baseUrl: 'http://a.example/v1' })
  const database = await openDatabase({ url: undefined, dataFolder: folder })
  const listening = await database.sql<{ pid: number }[]>`
    select pid from pg_stat_activity where query ilike 'listen%'`
  const send = (signal: 'SIGSTOP' | 'SIGCONT') => {
    for (const { pid } of listening) process.kill(pid, signal)
  }
  expect(listening).not.toHaveLength(0)
  send('SIGSTOP')
  try {
    expect((await create('before')).status).toBe(201)
    expect((await apply('Policy', 'shut', { cedar })).status).toBe(201)
    expect((await create('within')).status).toBe(403)
    expect((await call('DELETE', '/policies/shut')).status).toBe(200)
    expect((await create('after')).status).toBe(201)
  } finally {
    send('SIGCONT')
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

/** What a watch tells until it ends; `onFirst` once it has told something. */
async function toldBy(path: string, secret: string, onFirst: () => Promise<void>): Promise<string> {
  const answer = await fetch(`${bed.plane.url}/api/v1${path}?watch=true`, {
    headers: { authorization: `Bearer ${secret}` },
  })
  expect(answer.status).toBe(200)
  let text = ''
  for await (const part of answer.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    if (text === '') await onFirst()
    text += part
  }
  return text
}

const declareKey = (name: string, roles: readonly string[], secret: string, more: object = {}) =>
  apply('Key', name, { owner: name, roles, hash: sha256(secret), ...more })

const ends: Record<string, (name: string, secret: string) => Promise<{ status: number }>> = {
  deleted: (name) => call('DELETE', `/keys/${name}`),
  rotated: (name, secret) => declareKey(name, ['gateway', 'viewer'], `not ${secret}`),
  'without its roles': (name, secret) => declareKey(name, ['caller'], secret),
  expired: (name, secret) =>
    declareKey(name, ['gateway', 'viewer'], secret, { expiresAtMs: Date.now() }),
}
/** What is watched, and what more is then to be told there. */
const more: Record<string, (name: string) => Promise<{ status: number }>> = {
  '/snapshot': (name) =>
    apply('Provider', name, { dialect: 'openai', baseUrl: 'https://models.example.com/v1' }),
  '/projects': (name) => apply('Project', name, {}),
}
const watches = Object.keys(more)

test.each(watches.flatMap((path) => Object.keys(ends).map((how) => [path, how] as const)))(
  'a watch of %s tells nothing new to a key that is %s, and ends',
  async (path, how) => {
    const name = `${path.slice(1)}-${how.replaceAll(' ', '-')}`
    const secret = await makeKey(name, ['gateway', 'viewer'])
    const told = await toldBy(path, secret, async () => {
      expect((await ends[how]?.(name, secret))?.status).toBe(200)
      expect((await more[path]?.(`new-${name}`))?.status).toBe(201)
    })
    expect(told).not.toBe('')
    expect(told).not.toContain(`new-${name}`)
    const own = { headers: { authorization: `Bearer ${secret}` } }
    const again = await fetch(`${bed.plane.url}/api/v1${path}`, own)
    expect(again.status).toBe(how === 'without its roles' ? 403 : 401)
  },
)

test.each(watches)('a watch of %s where nothing changes ends with its key, too', async (path) => {
  const own = setTimeout
  const timers = vi // keep-alives come at once
    .spyOn(globalThis, 'setTimeout')
    .mockImplementation((run, ms, ...given) =>
      own(run, ms === 10_000 || ms === 15_000 ? 1 : ms, ...given),
    )
  try {
    const name = `quiet-${path.slice(1)}`
    const secret = await makeKey(name, ['gateway', 'viewer'])
    const remove = async () => void (await call('DELETE', `/keys/${name}`))
    expect(await toldBy(path, secret, remove)).not.toBe('')
  } finally {
    timers.mockRestore()
  }
})

test('who follows runs hears nothing that comes after its key', async () => {
  const { spec } = (await call('GET', '/projects/default')).body
  const wanted = await apply('Project', 'default', { ...spec, lifecycleEvents: 'workflows' })
  expect(wanted.status).toBeLessThan(300)
  const ask = { call: 'tutti.human', with: { title: 'Go?' } }
  const id = await start('followed', [{ ask }])
  await untilRun(id, 'waiting')
  const follow = async (path: string, name: string) => {
    const secret = await makeKey(name, ['viewer'])
    return await toldBy(path, secret, async () => {
      expect((await call('DELETE', `/keys/${name}`)).status).toBe(200)
      const other = await start(`goes-on-${name}`, [{ say: { set: { is: 1 } } }])
      await untilRun(other, 'completed')
      const answer = { key: '/do/0/ask', answer: 1 }
      if (name === 'journal') await call('POST', `/runs/${id}/answer`, answer)
    })
  }
  expect(await follow('/lifecycle', 'lifecycle')).not.toContain('goes-on')
  const journal = await follow(`/runs/${id}/events`, 'journal')
  expect(journal.match(/^event: .*$/gm)).toEqual(['event: started'])
})
