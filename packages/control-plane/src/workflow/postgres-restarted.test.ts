// I7: Postgres is killed while an engine writes. It is started again; the engine goes on, or its process ends (the driver
// throws out of reach where a statement was under way) and another one goes on. Runs what was built.

import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, test } from 'vitest'
import { document, folder } from './engine.fixture.ts'

const dist = fileURLToPath(new URL('../../dist/', import.meta.url))
const born = new Set<ChildProcess>()
afterAll(() => {
  for (const child of born) child.kill('SIGKILL')
  rmSync(folder, { recursive: true, force: true })
})

const runs = 40
const turns = 20
const step = { call: 'http', with: { method: 'post', endpoint: 'http://h/', body: '${ . }' } }
const source = document('turns', [
  { loop: { for: { in: `[range(${turns})]` }, do: [{ step }] } },
  { sum: { set: { at: '${ .at }' } } },
])

// One life of an engine: it goes on with the runs, or starts them, and says each step and each end.
const life = `
const [dist, folder, source, runs] = process.argv.slice(1)
const { openNews } = await import(dist + 'news.js')
const { openDatabase } = await import(dist + 'store/database.js')
const { Engine } = await import(dist + 'workflow/engine.js')
const { prepareWorkflow } = await import('@tutti/core/workflow')
const database = await openDatabase({ url: undefined, dataFolder: folder })
const { sql } = database
let failures = 0 // a pool that lost its Postgres may never find the new one: then the process ends
const keep = () => database.keep().then(() => (failures = 0), () => {
  failures += 1
  if (failures > 5) process.exit(1)
}).then(() => setTimeout(keep, 200))
setTimeout(keep, 200)
const news = await openNews(database)
const { program } = prepareWorkflow(JSON.parse(source))
const say = (what) => console.log(JSON.stringify(what))
const engine = await Engine.open({
  sql, news, program: async () => program,
  act: async ({ key }, { head }) => {
    say({ run: head.id, key })
    return { at: key }
  },
  surroundings: async () => ({ secrets: {}, runtime: { name: 'tutti', version: 'test' } }),
  nowMs: () => Date.now(), onTrouble: () => {}, onFenced: () => process.exit(1),
})
const name = { project: 'default', namespace: 'test', name: 'turns', version: '1.0.0' }
const ids = Array.from({ length: Number(runs) }, (_, i) => 'run-' + i)
const held = new Set((await sql\`select id from workflow_run\`).map(({ id }) => id))
for (const id of ids) if (!held.has(id)) void engine.start({ ...name, input: {}, id })
const outcomes = await Promise.all(ids.map((id) => engine.outcomeOf(id)))
const rows = await sql\`select run, body from workflow_entry order by run, seq\`
say({ outcomes, completed: rows.flatMap(({ run, body }) => JSON.parse(body).flatMap(
  ({ kind, key }) => kind === 'completed' && key.endsWith('step') ? [run + ' ' + key] : [])) })
await engine.stop()
await news.stop()
await database.stop()
process.exit(0)
`

interface Said {
  readonly run?: string
  readonly key?: string
  readonly outcomes?: readonly unknown[]
  readonly completed?: readonly string[]
}

/** One life, to its end; true: it ended as it should. */
function live(hear: (said: Said) => void): Promise<boolean> {
  const args = ['--input-type=module', '-e', life, dist, folder, JSON.stringify(source), `${runs}`]
  const child = spawn(process.execPath, args, { cwd: dist, stdio: ['ignore', 'pipe', 'ignore'] })
  born.add(child)
  createInterface(child.stdout).on('line', (line) => hear(JSON.parse(line)))
  return new Promise((resolve) => child.once('close', (code) => resolve(code === 0)))
}

const postmaster = () =>
  Number(readFileSync(join(folder, 'postgres/postmaster.pid'), 'utf8').split('\n')[0])

test('I7: Postgres is killed amid flushes: every run ends, and each step counts once', async () => {
  let steps = 0
  let end: Said = {}
  const hear = (said: Said) => {
    if (said.outcomes !== undefined) end = said
    steps += 1
    if (steps === 200) process.kill(postmaster(), 'SIGKILL')
  }
  let lives = 1
  while (!(await live(hear)) && lives < 6) lives += 1
  expect(steps).toBeGreaterThan(200)
  expect(end.outcomes).toHaveLength(runs)
  for (const outcome of end.outcomes ?? []) expect(outcome).toMatchObject({ status: 'completed' })
  expect(new Set(end.completed).size).toBe(runs * turns)
  expect(end.completed).toHaveLength(runs * turns)
})
