// Changes that come at the same time, against a database of one's own.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  ChangeLine,
  type CommitOutcome,
  type Database,
  loadResource,
  openDatabase,
  type RecordDraft,
  sha256,
} from './index.ts'

let folder: string
let database: Database
let line: ChangeLine
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tutti-change-line-'))
  database = await openDatabase({ url: undefined, dataFolder: folder })
  line = new ChangeLine(database.sql)
})
afterAll(async () => {
  await database?.stop()
  rmSync(folder, { recursive: true, force: true })
})

const draft: RecordDraft = {
  ...{ atMs: 1, principal: 'User::"x"', action: 'create', digest: sha256(''), policies: [] },
  ...{ policySet: sha256(''), approvals: [], summary: '' },
}
const keyOf = (name: string) => ({ kind: 'Project', project: '', name })
const writeOf = (name: string, baseGeneration: number, spec: unknown = {}) => ({
  ...{ key: keyOf(name), baseGeneration, labels: {}, annotations: {}, spec },
})
const commit = (name: string, base: number, spec: unknown = {}) =>
  line.commit(writeOf(name, base, spec), draft)

/** The generations that the log has records of, in the order of its entries. */
async function recorded(name: string): Promise<number[]> {
  const rows = await database.sql<{ body: string }[]>`
    select body from ledger_entry where resource = ${`Project/${name}`} order by id`
  return rows.map(({ body }) => (JSON.parse(body) as { generation: number }).generation)
}

test('who has to know of a change knows before its caller does; of a conflict nobody does (L4)', async () => {
  const heard: string[] = []
  const own = new ChangeLine(database.sql, ({ name }) => heard.push(name))
  const change = (name: string, base: number) =>
    own.commit(writeOf(name, base), draft).then(({ ok }) => `${ok} ${heard.includes(name)}`)
  expect(await Promise.all([change('known', 0), change('conflict', 7)])).toEqual([
    'true true',
    'false false',
  ])
})

test('what was declared is what is stored, whatever characters it has', async () => {
  let count = 0
  // No U+0000, which Postgres keeps nowhere, and no half of a pair, which is not text.
  const text = fc.string({ unit: 'grapheme' }).filter((one) => !one.includes('\u0000'))
  const odd = fc.oneof(text, fc.constantFrom('"', '\\', '{,}', '\n\t', '\u2028', 'null', ' ', ''))
  await fc.assert(
    fc.asyncProperty(odd, odd, async (label, member) => {
      const name = `odd-${count++}`
      const spec = { [`x${member}`]: [member, label, null, 1.5, true] }
      const write = { ...writeOf(name, 0, spec), labels: { label }, annotations: { a: member } }
      const outcome = await line.commit(write, { ...draft, summary: label })
      const stored = await loadResource(database.sql, keyOf(name))
      expect(stored).toMatchObject({ spec, metadata: { labels: { label } } })
      expect(stored?.metadata.annotations).toEqual({ a: member })
      const entry = outcome.ok ? outcome.committed.entry : 0
      const [row] = await database.sql<{ body: string }[]>`
        select body from ledger_entry where id = ${entry}`
      expect(JSON.parse(row?.body ?? '').summary).toBe(label)
    }),
    { numRuns: 50 },
  )
})

test('changes that come together are few transactions, and each caller gets its own entry', async () => {
  const names = Array.from({ length: 500 }, (_, i) => `together-${i}`)
  const outcomes = await Promise.all(names.map((name) => commit(name, 0)))
  const entries = outcomes.map((one) => (one.ok ? one.committed.entry : 0))
  expect(new Set(entries).size).toBe(500)
  const [{ body } = { body: '' }] = await database.sql<{ body: string }[]>`
    select body from ledger_entry where id = ${entries[77] ?? 0}`
  expect(JSON.parse(body)).toMatchObject({ resource: 'Project/together-77', generation: 1 })
  const [{ count } = { count: 0 }] = await database.sql<{ count: number }[]>`
    select count(distinct xmin::text)::int as count from resource where name like 'together-%'`
  expect(count).toBeLessThanOrEqual(3)
})

test('I1, W1: whatever comes at once, every generation has its record and every record its generation', async () => {
  let history = 0
  const change = fc.record({ name: fc.nat(2), base: fc.nat(3), deletes: fc.boolean() })
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(change, { maxLength: 12 }), { maxLength: 4 }),
      async (turns) => {
        const prefix = `i1-${history++}`
        const ok = new Map<string, number>()
        for (const turn of turns) {
          const outcomes = await Promise.all(
            turn.map(({ name, base, deletes }) =>
              commit(`${prefix}-${name}`, base, deletes && base > 0 ? null : { base }),
            ),
          )
          for (const [index, { ok: isOk }] of outcomes.entries()) {
            const name = `${prefix}-${turn[index]?.name}`
            if (isOk) ok.set(name, (ok.get(name) ?? 0) + 1)
          }
        }
        for (const name of [0, 1, 2].map((n) => `${prefix}-${n}`)) {
          const generations = Array.from({ length: ok.get(name) ?? 0 }, (_, i) => i + 1)
          expect(await recorded(name)).toEqual(generations)
          const [row] = await database.sql<{ generation: number }[]>`
          select generation from resource where name = ${name}`
          expect(row?.generation ?? 0).toBe(generations.length)
        }
      },
    ),
    { numRuns: 30 },
  )
})

test('what is answered is what is stored: status kept, deleted, made again', async () => {
  const resourceOf = (outcome: CommitOutcome) => (outcome.ok ? outcome.committed.resource : null)
  const stored = () => loadResource(database.sql, keyOf('same'))
  const first = { ...writeOf('same', 0, { a: 1 }), status: { phase: 'on' } }
  const made = resourceOf(await line.commit(first, draft))
  expect(made).toEqual(await stored())
  const updated = resourceOf(await line.commit(writeOf('same', 1, { a: 2 }), { ...draft, atMs: 2 }))
  expect(updated).toEqual(await stored())
  expect(updated).toMatchObject({ status: { phase: 'on' }, spec: { a: 2 } })
  expect(updated?.metadata).toMatchObject({ createdAtMs: 1, updatedAtMs: 2, generation: 2 })
  expect(resourceOf(await commit('same', 2, null))?.spec).toEqual({ a: 2 })
  expect(await stored()).toBeNull()
  expect(await commit('same', 2)).toEqual({ ok: false, reason: 'conflict', generation: 0 })
  const again = resourceOf(await line.commit(writeOf('same', 0, { a: 3 }), { ...draft, atMs: 3 }))
  expect(again).toEqual(await stored())
  expect(again).toMatchObject({ status: {}, metadata: { generation: 4, createdAtMs: 3 } })
  expect(again?.metadata.uid).not.toBe(made?.metadata.uid)
  expect(await commit('same', 0)).toEqual({ ok: false, reason: 'conflict', generation: 4 })
  expect(await recorded('same')).toEqual([1, 2, 3, 4])
})

test('L2: one caller’s bad change fails for that caller alone', async () => {
  const unwritable = '\u0000' // Postgres keeps no such character
  const [good, refused, unparsed, other] = await Promise.allSettled([
    commit('good', 0),
    commit('refused', 0, { text: unwritable }),
    line.commit(writeOf('unparsed', 0), { ...draft, digest: 'no digest' }),
    commit('other', 0),
  ])
  expect([good, other]).toMatchObject([{ value: { ok: true } }, { value: { ok: true } }])
  expect([refused.status, unparsed.status]).toEqual(['rejected', 'rejected'])
  expect(await recorded('good')).toEqual([1])
  expect(await recorded('refused')).toEqual([])
})

test('L1, L2: what belongs to a change is written with it, and undoes it alone where it fails', async () => {
  const { sql } = database
  await sql`create table beside (name text primary key, entry bigint not null)`
  const names = Array.from({ length: 20 }, (_, i) => `beside-${i}`)
  const outcomes = await Promise.allSettled(
    names.map((name, i) =>
      line.commit(writeOf(name, 0), draft, async (tx, { entry }) => {
        await tx`insert into beside (name, entry) values (${i === 7 ? null : name}, ${entry})`
      }),
    ),
  )
  expect(outcomes.filter(({ status }) => status === 'rejected')).toHaveLength(1)
  const rows = await sql<{ name: string; resource: string }[]>`
    select name, resource from beside join ledger_entry on ledger_entry.id = beside.entry`
  expect(rows).toHaveLength(19)
  expect(rows.every(({ name, resource }) => resource === `Project/${name}`)).toBe(true)
  expect(await recorded('beside-7')).toEqual([])
})

test('L3: a commit that ends in an error is not tried again', async () => {
  const { sql } = database
  await sql`create sequence attempts`
  await sql.unsafe(`
    create function refuse() returns trigger language plpgsql as $$
    begin perform nextval('attempts'); raise 'refused at the commit'; end $$;
    create constraint trigger refuse after insert on resource deferrable initially deferred
      for each row when (new.name like 'late-%') execute function refuse()`)
  const outcomes = await Promise.allSettled([commit('late-1', 0), commit('late-2', 0)])
  expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  const [row] = await sql<{ last_value: string }[]>`select last_value from attempts`
  expect(row?.last_value).toBe('1')
})
