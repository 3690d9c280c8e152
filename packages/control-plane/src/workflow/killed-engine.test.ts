// I7: killed at every append, before it and after it, a run gives the same output; no step whose outcome is
// written is done again, and none is lost.

import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { bed, document, folder, journalOf, useDatabase } from './engine.fixture.ts'

useDatabase()

const dist = fileURLToPath(new URL('../../dist/', import.meta.url))
const step = (name: string) => ({
  [name]: { call: 'http', with: { method: 'post', endpoint: 'http://h/', body: '${ . }' } },
})
const source = document('all', [
  step('first'),
  { loop: { for: { in: '[1, 2]' }, do: [step('turn')] } },
  { both: { fork: { branches: [step('left'), { right: { do: [step('a'), step('b')] } }] } } },
  { again: { try: [step('flaky')], catch: { retry: { limit: { attempt: { count: 2 } } } } } },
  {
    undone: {
      try: [
        {
          saga: {
            call: 'tutti.compensate',
            with: {
              do: [
                { book: { ...step('book').book, metadata: { tutti: { undo: [step('unbook')] } } } },
                { stop: { raise: { error: { type: 'https://e', status: 400 } } } },
              ],
            },
          },
        },
      ],
      catch: { do: [{ agent: { call: 'tutti.agent', with: { route: 'm', prompt: 'go' } } }] },
    },
  },
  { nap: { wait: { milliseconds: 5 } } },
  step('last'),
])

// One life of an engine: it goes on with the run, or starts it, and ends by its own hand at a given write.
const life = `
const [dist, folder, id, source, killAt, killWhen] = process.argv.slice(1)
const { openNews } = await import(dist + 'news.js')
const { openDatabase } = await import(dist + 'store/database.js') // no more than it needs:
const { Engine } = await import(dist + 'workflow/engine.js') // there are a hundred lives
const { ActFailed } = await import(dist + 'workflow/act.js')
const { prepareWorkflow, standardError } = await import('@tutti/core/workflow')
const database = await openDatabase({ url: undefined, dataFolder: folder })
const { sql } = database
const news = await openNews(database)
const { program } = prepareWorkflow(JSON.parse(source))
let writes = 0
const die = () => process.kill(process.pid, 'SIGKILL')
const counting = new Proxy(sql, {
  get: (of, name) => name !== 'unsafe' ? of[name] : async (...query) => {
    writes += 1
    if (writes === Number(killAt) && killWhen === 'before') { die(); await new Promise(() => {}) }
    const rows = await of.unsafe(...query)
    if (writes === Number(killAt)) { die(); await new Promise(() => {}) }
    return rows
  },
})
const act = async ({ key, action }) => {
  const done = await sql\`select 1 from workflow_entry where run = \${id}
    and body like \${'%"key":"' + key + '"%'}\`
  await sql\`insert into acted (run, key, was_done) values (\${id}, \${key}, \${done.length > 0})\`
  if (key === '/do/3/again/try/0/flaky') throw new ActFailed(standardError('communication', 'once'))
  return key.endsWith('/model') ? { content: 'gone' } : { key }
}
const engine = await Engine.open({
  sql: counting, news, act, program: async () => program,
  surroundings: async () => ({ secrets: {}, runtime: { name: 'tutti', version: 'test' } }),
  nowMs: () => Date.now(), onTrouble: (...said) => console.error(...said), onFenced: () => {},
})
const there = await sql\`select 1 from workflow_run where id = \${id}\`
const request = { project: 'default', namespace: 'test', name: 'all', version: '1.0.0', input: {}, id }
if (there.length === 0) await engine.start(request)
const outcome = await engine.outcomeOf(id)
console.log(JSON.stringify({ outcome, writes }))
process.exit(0)
`

interface Life {
  readonly wasKilled: boolean
  readonly said: { outcome: unknown; writes: number } | null
}

function live(id: string, killAt: number, killWhen: string): Promise<Life> {
  const args = [dist, folder, id, JSON.stringify(source), String(killAt), killWhen]
  const child = spawn(process.execPath, ['--input-type=module', '-e', life, ...args], {
    cwd: dist,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let text = ''
  child.stdout.on('data', (chunk) => {
    text += chunk
  })
  return new Promise((resolve) => {
    child.on('exit', (code) =>
      resolve({ wasKilled: code === null, said: code === 0 ? JSON.parse(text) : null }),
    )
  })
}

test('I7: killed at every append, the output is the same and no written step is done again', async () => {
  const { sql } = bed.database
  await sql`create table acted (run text, key text, was_done boolean)`
  const whole = await live('whole', 0, 'never')
  const output = { status: 'completed', output: { key: '/do/6/last' } }
  expect(whole.said?.outcome).toEqual(output)
  const keys = (await journalOf('whole')).flatMap(({ key }) => key ?? [])
  const writes = whole.said?.writes ?? 0
  expect(writes).toBeGreaterThan(8)
  for (let killAt = 1; killAt <= writes; killAt++) {
    for (const killWhen of ['before', 'after']) {
      const id = `${killWhen}-${killAt}`
      const first = await live(id, killAt, killWhen)
      const second = first.wasKilled ? await live(id, 0, 'never') : first
      expect(second.said?.outcome, id).toEqual(output)
      const journal = (await journalOf(id)).flatMap(({ key }) => key ?? [])
      expect([...journal].sort(), id).toEqual([...keys].sort())
    }
  }
  expect(await sql`select * from acted where was_done`).toEqual([])
}, 300_000)
