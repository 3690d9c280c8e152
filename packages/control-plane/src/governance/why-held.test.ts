// What keeps a resource from being deleted, among many that do not.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Database, openDatabase, resourcesSaying } from '../store/index.ts'
import { whyHeld } from './why-held.ts'

let folder: string
let database: Database
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tutti-held-'))
  database = await openDatabase({ url: undefined, dataFolder: folder })
})
afterAll(async () => {
  await database?.stop()
  rmSync(folder, { recursive: true, force: true })
})

async function write(project: string, kind: string, name: string, spec: object) {
  const { sql } = database
  await sql`
    insert into resource (kind, project, name, uid, generation, labels, annotations, spec, status,
      created_at_ms, updated_at_ms)
    values (${kind}, ${project}, ${name}, 'u', 1, '{}', '{}', ${sql.json({ ...spec })}, '{}', 1, 1)`
}

const held = (kind: string, project: string, name: string) =>
  whyHeld(database.sql, { kind, project, name }, () => true)

const routeTo = (provider: string) => ({ targets: [{ provider, model: 'm' }] })

test('what is named holds, in its Project; what only has it in a longer name, or beside it, does not', async () => {
  await write('one', 'Route', 'chat', routeTo('p'))
  await write('one', 'Route', 'long', routeTo('p-2'))
  await write('one', 'Route', 'model', { targets: [{ provider: 'p-2', model: 'p' }] })
  await write('two', 'Route', 'else', routeTo('p'))
  await write('one', 'Budget', 'b', { route: 'chat', limitDollars: 1 })
  expect(await held('Provider', 'one', 'p')).toContain('Provider p is named by Route chat: ')
  expect(await held('Provider', 'two', 'p')).toContain('Provider p is named by Route else: ')
  expect(await held('Provider', 'one', 'q')).toBeNull()
  expect(await held('Route', 'one', 'chat')).toBeNull() // a Budget keeps nothing
  const saying = { project: 'one', kinds: ['Route'], name: 'p' }
  const read = await resourcesSaying(database.sql, saying)
  expect(read.map(({ metadata }) => metadata.name)).toEqual(['chat', 'model'])
})

test('a Route goes where a Deployment of its name answers in its stead, and the other way', async () => {
  await write('one', 'Route', 'judged', {
    ...routeTo('p'),
    guard: { classifier: { route: 'judge' } },
  })
  await write('one', 'Route', 'judge', routeTo('p'))
  expect(await held('Route', 'one', 'judge')).toContain('named by Route judged: ')
  await write('one', 'Deployment', 'judge', { model: 'm:v1' })
  expect(await held('Route', 'one', 'judge')).toBeNull()
  expect(await held('Deployment', 'one', 'judge')).toBeNull()
})
