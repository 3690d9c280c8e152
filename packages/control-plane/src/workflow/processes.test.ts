import { type ProcessOffer, standardError } from '@tutti/core/workflow'
import { expect, test } from 'vitest'
import { openPolicyEngine } from '../governance/index.ts'
import { bed, document, openEngine, programs, request, useDatabase } from './engine.fixture.ts'
import type { EnginePorts } from './engine-ports.ts'
import { performer } from './perform-act.ts'
import { endProcess, expireProcesses, keepProcess, leaseMs, takeProcess } from './processes.ts'

useDatabase()

const cedar = `@id("batch-runs-scripts")
permit(principal == Automation::"workflow/default", action == Action::"run", resource is Node)
when { context has plan && context.plan.processes.contains("script")
  && resource.hasTag("pool") && resource.getTag("pool") == "batch" };
@id("and-commands")
permit(principal == Automation::"workflow/default", action == Action::"run", resource is Node)
when { context has plan && context.plan.processes.contains("shell") };`
const engineOf = (text: string) =>
  openPolicyEngine([{ name: 'runs', spec: { cedar: text, description: '' } }])
const policies = engineOf(cedar)
const all: ProcessOffer = { kinds: ['script', 'shell'], languages: ['javascript', 'python'] }
const node = (name: string, pool = 'batch', offer = all) => ({ name, labels: { pool }, offer })
const take = (of: ReturnType<typeof node>, nowMs: number) =>
  takeProcess(bed.database.sql, of, policies, nowMs)

const act: EnginePorts['act'] = (...given) =>
  performer({
    ...{ sql: bed.database.sql, nowMs: () => 0, hasNodes: true, inference: () => null },
    egress: async () => ({ status: 200, headers: {}, body: Buffer.from('1 + 1') }),
    reach: async (name) => name,
    start: async () => '',
    newest: async () => null,
    outcome: async () => null,
  })(...given)

async function begin(name: string, run: object) {
  const source = document(name, [{ go: { run } }])
  const engine = await openEngine(programs(source), act)
  const id = await engine.start(request(name))
  return { engine, id }
}
async function asked(count: number) {
  for (;;) {
    const rows = await bed.database.sql`select id from workflow_process`
    if (rows.length === count) return
  }
}
const fine = { code: 0, stdout: 'out', stderr: 'err', failure: null }

test('X1, X2: a node gets what it offers and policy lets it run, once, and its word counts', async () => {
  const { sql } = bed.database
  const run = {
    script: { language: 'js', source: { endpoint: 'http://h/x.js' }, arguments: ['a'] },
  }
  const { engine, id } = await begin('one', run)
  await asked(1)
  const only = (kinds: ProcessOffer['kinds'], languages: ProcessOffer['languages']) => ({
    ...{ kinds, languages },
  })
  expect(await take(node('n1', 'batch', only(['shell'], [])), 0)).toBeNull()
  expect(await take(node('n1', 'batch', only(['script'], ['python'])), 0)).toBeNull()
  expect(await take(node('n1', 'other'), 0)).toBeNull()
  const [row] = await sql`select refusal from workflow_process`
  expect(row?.['refusal']).toContain('n1: denied by')
  const taken = await Promise.all([1, 2, 3].map((i) => take(node(`m${i}`), 1_000)))
  const [order, ...others] = taken.filter((one) => one !== null)
  expect(others).toEqual([])
  expect(order).toMatchObject({ text: '1 + 1', arguments: ['a'], environment: {}, stdin: null })
  const [mine, its] = [
    { id: `${id}/do/0/go`, node: order?.node ?? '' },
    { id: mark(id), node: 'n9' },
  ]
  expect([await keepProcess(sql, mine, 2_000), await keepProcess(sql, its, 2_000)]).toEqual([
    ...[true, false],
  ])
  expect(await endProcess(sql, its, fine, 0)).toBe(false)
  expect(await endProcess(sql, mine, fine, 0)).toBe(true)
  expect(await endProcess(sql, mine, fine, 0)).toBe(false)
  expect(await engine.outcomeOf(id)).toEqual({ status: 'completed', output: 'out' })
  await engine.stop()
})

const mark = (id: string) => `${id}/do/0/go`

test('what a run gets of a process is as it says; code 0, unless it asks for the code', async () => {
  const said: unknown[] = []
  const failed = { ...fine, code: 3, stderr: 'no such thing' }
  for (const wanted of ['stdout', 'stderr', 'code', 'all', 'none']) {
    const { engine, id } = await begin('says', { shell: { command: 'x' }, return: wanted })
    await asked(1)
    await take(node('n1'), 0)
    const outcome = wanted === 'code' ? failed : fine
    await endProcess(bed.database.sql, { id: mark(id), node: 'n1' }, outcome, 0)
    said.push(Object(await engine.outcomeOf(id)).output)
    await engine.stop()
  }
  expect(said).toEqual(['out', 'err', 3, { code: 0, stdout: 'out', stderr: 'err' }, null])
  const { engine, id } = await begin('fails', { shell: { command: 'x' } })
  await asked(1)
  await take(node('n1'), 0)
  await endProcess(bed.database.sql, { id: mark(id), node: 'n1' }, failed, 0)
  expect(await engine.outcomeOf(id)).toMatchObject({
    error: { status: 500, detail: 'the shell ended with code 3: no such thing' },
  })
  await engine.stop()
})

test('a node that goes away loses it to another; nobody, or too many that go away, is an error', async () => {
  const { sql } = bed.database
  const { engine, id } = await begin('lost', { shell: { command: 'x' } })
  await asked(1)
  let nowMs = 0
  for (let attempt = 0; attempt < 3; attempt++) {
    expect((await take(node(`n${attempt}`), nowMs))?.id).toBe(mark(id))
    expect(await take(node('other'), nowMs + leaseMs)).toBeNull()
    nowMs += leaseMs + 1
  }
  expect(await take(node('n4'), nowMs)).toBeNull()
  await expireProcesses(sql, nowMs)
  expect(await engine.outcomeOf(id)).toMatchObject({
    error: { detail: '3 nodes that ran it went away' },
  })
  await engine.stop()
  const second = await begin('nobody', { script: { language: 'python', code: '1' } })
  await asked(1)
  await expireProcesses(sql, 120_001)
  const detail = 'a script in python runs on a node that allows it by policy, and none does'
  expect(await second.engine.outcomeOf(second.id)).toMatchObject({
    error: standardError('configuration', `${detail}: no node offers to`),
  })
  await second.engine.stop()
})

test('X1: what policy refuses a node hides nothing behind it, however much it is', async () => {
  const { sql } = bed.database
  const run = (name: string, script: boolean) =>
    document(name, [
      {
        go: {
          run: script ? { script: { language: 'js', code: '1' } } : { shell: { command: 'x' } },
        },
      },
    ])
  const names = Array.from({ length: 30 }, (_, i) => `refused-${i}`)
  const sources = [...names.map((name) => run(name, true)), run('after', false)]
  const engine = await openEngine(programs(...sources), act)
  for (const name of [...names, 'refused-0']) await engine.start(request(name))
  await asked(31)
  const last = await engine.start(request('after'))
  await asked(32)
  const order = await take(node('n1', 'other'), 1_000) // policy lets it run no scripts
  expect(order?.id).toBe(mark(last))
  const rows = await sql`select refusal from workflow_process where kind = 'script'`
  expect(rows.every(({ refusal }) => String(refusal).startsWith('n1: denied by'))).toBe(true)
  expect(await take(node('n1', 'other'), 1_000)).toBeNull()
  expect((await take(node('n2'), 1_000))?.kind).toBe('script') // the oldest that it may run
  await sql`delete from workflow_process`
  await engine.stop()
})

test('a container names its image; the content that it ran from stands in the lineage', async () => {
  const { sql } = bed.database
  const box = { image: 'sum:1', command: 'echo', arguments: ['a'], environment: { A: 1 } }
  const { engine, id } = await begin('box', { container: box })
  await asked(1)
  expect(await take(node('n1'), 0)).toBeNull() // it offers none
  const offer: ProcessOffer = { kinds: ['container'], languages: [] }
  expect(await take(node('n2', 'batch', offer), 0)).toBeNull() // policy permits none
  const permit = engineOf(cedar.replace('contains("shell")', 'contains("container")'))
  const order = await takeProcess(sql, node('n2', 'batch', offer), permit, 0)
  expect(order).toMatchObject({
    ...{ kind: 'container', text: 'echo', arguments: ['a'], environment: { A: '1' } },
    container: { image: 'sum:1', pull: 'ifNotPresent' },
  })
  const image = `localhost/sum@sha256:${'0'.repeat(64)}`
  await endProcess(sql, { id: mark(id), node: 'n2' }, { ...fine, image }, 7)
  expect(await engine.outcomeOf(id)).toEqual({ status: 'completed', output: 'out' })
  const rows = await sql`select key, kind, subject from workflow_lineage where run = ${id}`
  expect(rows).toEqual([{ key: '/do/0/go', kind: 'uses', subject: image }])
  await engine.stop()
})

test('what a run does not wait for outlives it', async () => {
  const { sql } = bed.database
  const { engine, id } = await begin('apart', { shell: { command: 'x' }, await: false })
  expect(await engine.outcomeOf(id)).toMatchObject({ status: 'completed' })
  await asked(1)
  await expireProcesses(sql, 1_000)
  expect((await take(node('n1'), 1_000))?.id).toBe(mark(id))
  const mine = { id: mark(id), node: 'n1' }
  expect(await keepProcess(sql, mine, 2_000)).toBe(true)
  expect(await endProcess(sql, mine, fine, 0)).toBe(true)
  await engine.stop()
})

test('a process that ended while no engine looked is not run again', async () => {
  const { sql } = bed.database
  const { engine, id } = await begin('again', { shell: { command: 'x' } })
  await asked(1)
  await take(node('n1'), 0)
  await engine.stop()
  await endProcess(sql, { id: mark(id), node: 'n1' }, fine, 0)
  const source = document('again', [{ go: { run: { shell: { command: 'x' } } } }])
  const other = await openEngine(programs(source), act) // asks for it again, and reads how it ended
  expect(await other.outcomeOf(id)).toEqual({ status: 'completed', output: 'out' })
  await other.stop()
  expect(await sql`select 1 from workflow_process`).toHaveLength(0)
})

test('what a container cannot have, and scripts in what nodes do not know, are refused with the reason', async () => {
  const cases = [
    [{ container: { image: 'x', ports: { 80: 80 } } }, 'ports: a container has no network'],
    [{ container: { image: '--privileged' } }, 'the name of an image'],
    [{ script: { language: 'cobol', code: 'x' } }, 'nodes run no scripts in cobol'],
  ] as const
  for (const [run, reason] of cases) {
    const { engine, id } = await begin('refused', run)
    const { error } = Object(await engine.outcomeOf(id))
    expect([error.status, error.detail.includes(reason)]).toEqual([400, true])
    await engine.stop()
  }
})
