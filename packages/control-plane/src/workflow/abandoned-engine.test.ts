// I7 for sagas and agents: an engine that is cut off at any write, before it or after it, is fenced, and another one goes
// on: same output, no written step again. Real SIGKILLs are in killed-engine.test.ts; this one is quick, so that it can
// look at more.

import type { Json } from '@tutti/core/resource'
import { standardError } from '@tutti/core/workflow'
import { expect, test } from 'vitest'
import { ActFailed } from './act.ts'
import {
  bed,
  document,
  journalOf,
  openEngine,
  programs,
  request,
  useDatabase,
} from './engine.fixture.ts'
import type { Act } from './resident-run.ts'

useDatabase()

const step = (name: string, undo?: string): object => ({
  [name]: {
    call: 'http',
    with: { method: 'post', endpoint: 'http://h/', body: '${ . }' },
    ...(undo === undefined ? {} : { metadata: { tutti: { undo: [step(undo)] } } }),
  },
})
const saga = (name: string, tasks: readonly object[]) => ({
  [name]: { call: 'tutti.compensate', with: { do: tasks } },
})
const branches = [step('left', 'unleft'), step('right', 'unright')]
const trip = saga('trip', [
  step('book', 'unbook'),
  { loop: { for: { in: '[1, 2]' }, do: [step('turn', 'unturn')] } },
  saga('inner', [{ both: { fork: { branches } } }]),
  step('fails'),
])
const tools = [{ name: 'look', do: [step('see'), step('tell')] }]
const source = document('trip', [
  { t: { try: [trip], catch: { do: [{ noted: { set: { why: '${ $error.detail }' } } }] } } },
  { ask: { call: 'tutti.agent', with: { route: 'm', prompt: '${ .why }', tools } } },
])

const callTools = {
  content: null,
  toolCalls: ['a', 'b'].map((id) => ({ ...{ id, name: 'look' } })),
}
function answer({ key }: Act): Json {
  if (key.endsWith('fails')) throw new ActFailed(standardError('communication', 'sold out'))
  if (key.endsWith('#0/model')) return callTools
  return key.endsWith('/model') ? { content: 'sorry' } : { done: key }
}

/** One run whose first engine does nothing more from its `cutAt`-th write on. */
async function live(id: string, cutAt: number, when: 'before' | 'after') {
  const { sql } = bed.database
  const done: string[] = []
  const act = async (one: Act) => {
    const there = (await journalOf(id)).some(({ key }) => key === one.key)
    if (there) throw new Error(`${one.key} is done again`)
    done.push(one.key)
    return answer(one)
  }
  let writes = 0
  let cut = () => {}
  let mend = () => {}
  const isCut = new Promise<void>((resolve) => {
    cut = resolve
  })
  const isMended = new Promise<void>((resolve) => {
    mend = resolve
  })
  const counting = new Proxy(sql, {
    get: (of, name) =>
      name !== 'unsafe'
        ? Reflect.get(of, name)
        : async (...query: Parameters<typeof sql.unsafe>) => {
            writes += 1
            const rows = writes === cutAt && when === 'after' ? await of.unsafe(...query) : null
            if (writes >= cutAt) {
              cut()
              await isMended
            }
            return rows ?? (await of.unsafe(...query))
          },
  })
  const known = programs(source)
  const first = await openEngine(known, act, { sql: counting })
  const [row] = await sql<{ id: string }[]>`select id from workflow_engine where not is_dead`
  void first.start({ ...request('trip'), id })
  const ended = await Promise.race([first.outcomeOf(id), isCut.then(() => null)])
  if (ended !== null) {
    await first.stop()
    return { outcome: ended, writes, done }
  }
  await sql`update workflow_engine set is_dead = true where id = ${row?.id ?? ''}`
  const second = await openEngine(known, act)
  const there = await sql`select 1 from workflow_run where id = ${id}`
  if (there.length === 0) await second.start({ ...request('trip'), id })
  const outcome = await second.outcomeOf(id)
  mend() // what the first one still writes is refused
  await second.stop()
  await first.stop()
  return { outcome, writes, done }
}

test('I7: cut off at every write, sagas and agents end as they would have, and do nothing twice that is written', async () => {
  const whole = await live('whole', Number.POSITIVE_INFINITY, 'before')
  expect(whole.outcome).toMatchObject({
    output: { content: 'sorry', turns: 2, toolCalls: 2 },
  })
  const undone = whole.done.flatMap((key) => /undo\/\d+\/0\/(\w+)/.exec(key)?.[1] ?? [])
  expect(undone.slice(0, 2).sort()).toEqual(['unleft', 'unright'])
  expect(undone.slice(2)).toEqual(['unturn', 'unturn', 'unbook'])
  // Branches end in any order, and are undone in the other one.
  const keysOf = async (id: string) =>
    (await journalOf(id)).map(({ key = '' }) => String(key).replace(/undo\/\d/, 'undo')).sort()
  const journal = await keysOf('whole')
  expect(whole.writes).toBeGreaterThan(10) // what ends together is written together
  for (let cutAt = 1; cutAt <= whole.writes; cutAt++) {
    for (const when of ['before', 'after'] as const) {
      const id = `${when}-${cutAt}`
      const { outcome } = await live(id, cutAt, when)
      expect(outcome, id).toEqual(whole.outcome)
      expect(await keysOf(id), id).toEqual(journal)
    }
  }
})
