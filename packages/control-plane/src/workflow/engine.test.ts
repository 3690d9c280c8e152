import type { Json } from '@tutti/core/resource'
import { standardError } from '@tutti/core/workflow'
import { expect, test, vi } from 'vitest'
import { type ActContext, ActFailed } from './act.ts'
import {
  bed,
  document,
  journalOf,
  openEngine,
  programs,
  request,
  troubles,
  useDatabase,
} from './engine.fixture.ts'
import type { Engine } from './engine.ts'
import { EngineBusy } from './engine-busy.ts'
import { emptyJournal, growJournal } from './journal-head.ts'
import { Later } from './later.ts'
import type { Act } from './resident-run.ts'
import { publishEvent, sendSignal } from './signal.ts'

useDatabase()

const call = (name: string, body: string, more: object = {}) => ({
  [name]: { call: 'http', with: { method: 'post', endpoint: 'http://h/', body }, ...more },
})

test('E1: a step begins only when the one before is in the journal; the chain of hashes is that of its text', async () => {
  const program = programs(document('steps', [call('a', '${ .n }'), call('b', '${ .n }')]))
  const seen: [string, number][] = []
  const engine = await openEngine(program, async ({ key }, { head }) => {
    const journal = await journalOf(head.id)
    seen.push([key, journal.length])
    return { n: journal.length }
  })
  const id = await engine.start(request('steps', { n: 0 }))
  expect(await engine.outcomeOf(id)).toEqual({ status: 'completed', output: { n: 2 } })
  expect(seen).toEqual([
    ['/do/0/a', 1],
    ['/do/1/b', 2],
  ])
  const rows = await bed.database.sql<{ body: string }[]>`
    select body from workflow_entry where run = ${id} order by seq`
  const [run] = await bed.database.sql<{ hash: string }[]>`
    select hash from workflow_run where id = ${id}`
  const head = rows.reduce((at, { body }) => growJournal(at, body, 1), emptyJournal)
  expect(run?.hash).toBe(head.hash)
  await engine.stop()
})

test('steps without outside effect are written together with what they follow from', async () => {
  const set = { set: { n: '${ (.n // 0) + 1 }' } }
  const loop = { loop: { for: { in: '[range(2500)]' }, do: [{ more: set }] } }
  const engine = await openEngine(
    programs(document('sets', [{ a: set }, { b: set }]), document('loop', [loop])),
  )
  const id = await engine.start(request('sets'))
  expect(await engine.outcomeOf(id)).toEqual({ status: 'completed', output: { n: 2 } })
  expect(await bed.database.sql`select seq from workflow_entry where run = ${id}`).toHaveLength(1)
  const long = await engine.start(request('loop'))
  expect(await engine.outcomeOf(long)).toEqual({ status: 'completed', output: { n: 2500 } })
  expect(await journalOf(long)).toHaveLength(2501)
  await engine.stop()
})

test('an error of a step is the error of the task, and can be caught', async () => {
  const caught = [
    { t: { try: [call('a', 'x')], catch: { do: [{ c: { set: { e: '${ $error.status }' } } }] } } },
  ]
  const engine = await openEngine(
    programs(document('plain', [call('a', 'x')]), document('caught', caught)),
    async () => {
      throw new ActFailed(standardError('communication', 'gone', { status: 410 }))
    },
  )
  expect(await engine.outcomeOf(await engine.start(request('plain')))).toMatchObject({
    status: 'faulted',
    error: { status: 410, detail: 'gone', instance: '/do/0/a' },
  })
  expect(await engine.outcomeOf(await engine.start(request('caught')))).toMatchObject({
    output: { e: 410 },
  })
  await engine.stop()
})

test('E3: a run that waits holds no memory and wakes when its time has come', async () => {
  const engine = await openEngine(
    programs(document('nap', [{ nap: { wait: { milliseconds: 60 } } }])),
  )
  const id = await engine.start(request('nap', { kept: true }))
  expect(engine.residents).toBe(0)
  expect(await engine.outcomeOf(id)).toEqual({ status: 'completed', output: { kept: true } })
  await engine.stop()
})

test('an engine that is busy fails no step: it is asked again', async () => {
  let asked = 0
  const act = async () => {
    asked += 1
    if (asked < 3) throw new EngineBusy('is being started')
    return 'done'
  }
  const engine = await openEngine(programs(document('busy', [call('one', '${ . }')])), act)
  const id = await engine.start(request('busy'))
  expect(await engine.outcomeOf(id)).toEqual({ status: 'completed', output: 'done' })
  expect(asked).toBe(3)
  await engine.stop()
})

test('a subflow is started by whichever engine has its shard', async () => {
  const child = document('child', [call('work', '${ . }')])
  const run = { workflow: { namespace: 'test', name: 'child', version: '1.0.0', input: { n: 7 } } }
  const known = programs(child, document('parent', [{ sub: { run } }]))
  const open = async () => {
    const act = async ({ action, key }: Act, { head }: ActContext): Promise<Json> => {
      if (action.type !== 'workflow') return 'worked'
      const parent = { run: head.id, key }
      await own.start({ ...request('child', action.input), parent, id: `${head.id}${key}` })
      throw new Later()
    }
    const own: Engine = await openEngine(known, act)
    return own
  }
  const engines = [await open(), await open()]
  await vi.waitUntil(() => engines.every(({ shards }) => shards.size > 0), { timeout: 20_000 })
  const ended = Array.from({ length: 40 }, async (_, i) => {
    const engine = engines[i % 2] as Engine
    return await engine.outcomeOf(await engine.start(request('parent')))
  })
  const outcomes = await Promise.all(ended)
  expect(outcomes).toEqual(outcomes.map(() => ({ status: 'completed', output: 'worked' })))
  for (const engine of engines) await engine.stop()
})

test('an event that comes while its engine stops is there for the next one', async () => {
  const listen = { hear: { listen: { to: { one: { with: { type: 'last' } } } } } }
  const program = programs(document('last', [listen]))
  for (let round = 0; round < 25; round++) {
    const engine = await openEngine(program)
    const id = await engine.start(request('last'))
    await expect.poll(() => engine.residents, { interval: 1 }).toBe(0)
    const event = { specversion: '1.0', id: `last-${round}`, source: 's', type: 'last', data: 1 }
    await publishEvent(bed.database.sql, 'default', event, Date.now())
    if (round % 2 === 0) await new Promise((resolve) => setImmediate(resolve))
    await engine.stop()
    const next = await openEngine(program)
    expect(await next.outcomeOf(id)).toMatchObject({ status: 'completed' })
    await next.stop()
  }
})

test('events wake those who wait for their type, once each; a cancelled listener hears nothing', async () => {
  const listen = {
    hear: { listen: { to: { all: [{ with: { type: 'a' } }, { with: { type: 'b' } }] } } },
  }
  const engine = await openEngine(programs(document('listen', [listen])))
  const id = await engine.start(request('listen'))
  const event = (type: string, id: string) => ({
    specversion: '1.0',
    source: 's',
    type,
    id,
    data: type,
  })
  const publish = (type: string, eventId: string) =>
    publishEvent(bed.database.sql, 'default', event(type, eventId), Date.now())
  expect(await publish('a', '1')).toBe(true)
  expect(await publish('a', '1')).toBe(false)
  await publish('c', '2')
  await publish('b', '3')
  expect(await engine.outcomeOf(id)).toEqual({ status: 'completed', output: ['a', 'b'] })
  expect(await bed.database.sql`select 1 from workflow_waiting`).toHaveLength(0)
  expect(await bed.database.sql`select 1 from workflow_signal`).toHaveLength(0)
  await engine.stop()
})

test('a subflow gives its outcome to the run that waits for it; cancelling reaches a running step', async () => {
  const sub = {
    sub: {
      run: { workflow: { namespace: 'test', name: 'child', version: '1.0.0', input: { n: 20 } } },
    },
  }
  let aborted = false
  let begun = () => {}
  const isBegun = new Promise<void>((resolve) => {
    begun = resolve
  })
  const program = programs(
    document('parent', [sub]),
    document('child', [{ twice: { set: { n: '${ .n * 2 }' } } }]),
    document('slow', [call('slow', 'x')]),
  )
  const engine = await openEngine(program, async (act, { head, signal }) => {
    if (act.action.type === 'workflow') {
      const { name, input } = act.action
      await engine.start({ ...request(name, input), parent: { run: head.id, key: act.key } })
      throw new Later()
    }
    begun()
    return await new Promise<Json>((resolve) => {
      signal.addEventListener('abort', () => {
        aborted = true
        resolve(null)
      })
    })
  })
  const parent = await engine.start(request('parent'))
  expect(await engine.outcomeOf(parent)).toEqual({ status: 'completed', output: { n: 40 } })
  const slow = await engine.start(request('slow'))
  await isBegun
  await sendSignal(bed.database.sql, slow, { kind: 'cancel', reason: 'no longer wanted' })
  expect(await engine.outcomeOf(slow)).toEqual({ status: 'cancelled', reason: 'no longer wanted' })
  expect(aborted).toBe(true)
  await engine.stop()
})

test('S1: shards are shared, a run is done once, and what an engine leaves another goes on with', async () => {
  const program = programs(
    document('nap', [{ nap: { wait: { milliseconds: 200 } } }, call('a', 'x')]),
  )
  const done: string[] = []
  const act = async (_: unknown, { head }: { head: { id: string } }) => {
    done.push(head.id)
    return null
  }
  const first = await openEngine(program, act)
  const ids = await Promise.all(Array.from({ length: 20 }, () => first.start(request('nap'))))
  const second = await openEngine(program, act)
  await first.stop() // its shards are free at once
  await Promise.all(ids.map((id) => second.outcomeOf(id)))
  expect([...done].sort()).toEqual([...ids].sort())
  expect(second.shards.size).toBe(64)
  await second.stop()
})

test('a bug of the machine ends one run, with its message, and not the engine', async () => {
  const schema = { schema: { document: { type: 'object' } } }
  const sound = programs(
    document('poison', [call('a', 'x')], { input: schema }),
    document('sound', [call('a', 'x')]),
  )
  const said: string[] = []
  const engine = await openEngine(
    async (of) => {
      const program = await sound(of)
      const checkSchema = () => {
        throw new Error('a bug')
      }
      return of.name === 'poison' ? { ...program, checkSchema } : program
    },
    async () => 'fine',
    { onTrouble: (what) => said.push(what) },
  )
  const poisoned = await engine.start(request('poison'))
  expect(await engine.outcomeOf(poisoned)).toMatchObject({
    status: 'faulted',
    error: { status: 500, detail: 'the engine failed on this run: a bug' },
  })
  expect(said).toEqual([`the run ${poisoned} is ended: the machine failed on it`])
  expect(await engine.outcomeOf(await engine.start(request('sound')))).toMatchObject({
    output: 'fine',
  })
  await engine.stop()
})

test('E4: an engine that was marked dead writes nothing more', async () => {
  const program = programs(document('one', [call('a', 'x')]))
  let release = () => {}
  let begun = () => {}
  const isBegun = new Promise<void>((resolve) => {
    begun = resolve
  })
  let fenced = () => {}
  const isFenced = new Promise<void>((resolve) => {
    fenced = resolve
  })
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  const stale = await openEngine(
    program,
    async () => {
      begun()
      await held
      return 'stale'
    },
    { onFenced: () => fenced() },
  )
  const id = await stale.start(request('one'))
  await isBegun
  await bed.database.sql`update workflow_engine set is_dead = true where not is_dead`
  const fresh = await openEngine(program, async () => 'fresh')
  release()
  await isFenced
  expect(await fresh.outcomeOf(id)).toEqual({ status: 'completed', output: 'fresh' })
  expect(JSON.stringify(await journalOf(id))).not.toContain('stale')
  await fresh.stop()
  expect(troubles).toEqual([])
})

test('a paused run takes what comes, and begins no act; another engine leaves it paused, too', async () => {
  const ask = { ask: { call: 'tutti.human', with: { title: 'Go?' } } }
  const program = programs(document('held', [ask, call('work', '${ . }')]))
  const acted: string[] = []
  const act = async ({ key }: Act) => {
    acted.push(key)
    return 'worked'
  }
  const { sql } = bed.database
  const first = await openEngine(program, act)
  const id = await first.start(request('held'))
  const until = async (status: string, entries: number) => {
    const isSo = async () => {
      const [run] = await sql`select status from workflow_run where id = ${id}`
      return run?.['status'] === status && (await journalOf(id)).length === entries
    }
    while (!(await isSo()));
  }
  await sendSignal(sql, id, { kind: 'pause' })
  await until('paused', 2)
  await sendSignal(sql, id, { kind: 'completed', key: '/do/0/ask', output: 'yes' })
  await until('paused', 3)
  await first.stop()
  const second = await openEngine(program, act)
  await sendSignal(sql, id, { kind: 'event', event: { type: 'nothing' } })
  await until('paused', 3)
  expect(acted).toEqual([])
  await sendSignal(sql, id, { kind: 'resume' })
  expect(await second.outcomeOf(id)).toEqual({ status: 'completed', output: 'worked' })
  expect(acted).toEqual(['/do/1/work'])
  const kinds = (await journalOf(id)).map(({ kind }) => kind)
  expect(kinds).toEqual(['started', 'paused', 'completed', 'resumed', 'completed'])
  await second.stop()
})

test('of each turn that is written it is told whose it was', async () => {
  const written: string[] = []
  const program = programs(document('told', [{ one: { set: { a: 1 } } }]))
  const engine = await openEngine(program, undefined, { onWritten: (run) => written.push(run) })
  const id = await engine.start(request('told'))
  await engine.outcomeOf(id)
  expect(written).toContain(id)
  await engine.stop()
})

test('branches that end at the same time are one turn of the journal', async () => {
  const call = { call: 'http', with: { method: 'get', endpoint: 'http://h/' } }
  const branches = ['a', 'b', 'c'].map((name) => ({ [name]: call }))
  const program = programs(document('wide', [{ all: { fork: { branches } } }]))
  const engine = await openEngine(program, async ({ key }) => key)
  const id = await engine.start(request('wide'))
  const outcome = await engine.outcomeOf(id)
  expect(outcome).toMatchObject({ status: 'completed' })
  const rows = await bed.database.sql<{ seq: number }[]>`
    select seq from workflow_entry where run = ${id} order by seq`
  expect(rows.map(({ seq }) => seq)).toEqual([0, 1])
  expect((await journalOf(id)).map(({ kind }) => kind)).toEqual([
    ...['started', 'completed', 'completed', 'completed'],
  ])
  await engine.stop()
})
