// Kit bench
//
// What the kit's scenarios need of a runtime: documents become known, runs start, events come, hosts answer as
// told, and the runtime can be ended and started again on what it had written down.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  advanceQueues,
  cancelQueued,
  type Egress,
  Engine,
  type EnginePorts,
  enqueue,
  keeping,
  listRuns,
  loadJournals,
  loadRuns,
  openBlobs,
  openDatabase,
  openNews,
  openReach,
  type PerformPorts,
  performer,
  publishEvent,
  sendSignal,
} from '@tutti/control-plane/workflow'
import {
  type CloudEvent,
  type Happening,
  type Outcome,
  type Program,
  prepareWorkflow,
  replay,
} from '@tutti/core/workflow'
import { openRouteHost, type ScriptedRoutes } from './scripted-routes.ts'

export type Json = Parameters<typeof prepareWorkflow>[0]

export interface Named {
  readonly namespace: string
  readonly name: string
  readonly version: string
}

/** One scenario's world; nothing of it is seen by the others. */
export interface KitWorld {
  readonly project: string
  readonly secrets: Readonly<Record<string, Json>>
  readonly egress: Egress
  /** Who answers for models; absent: nobody. */
  readonly routes?: ScriptedRoutes
}

export interface KitBench {
  readonly enter: (world: KitWorld) => void
  /** Makes a document known; gives its name, or why it is refused. */
  readonly declare: (source: Json) => Named | string
  readonly start: (named: Named, input: Json) => Promise<string>
  readonly publish: (event: CloudEvent) => Promise<void>
  readonly cancel: (run: string) => Promise<void>
  /** Somebody does a task that waits for a person; false where none of that name does. */
  readonly answer: (run: string, task: string, answer: Json) => Promise<boolean>
  /** The role that a task waits for (empty: anybody); null where it waits for nobody. */
  readonly roleFor: (run: string, task: string) => Promise<string | null>
  /** How a run ended; null where it has not after `limitMs`. */
  readonly outcome: (run: string, limitMs: number) => Promise<Outcome | null>
  /** Resolves when nothing is being done: runs have ended, or wait for time or events. */
  readonly untilIdle: () => Promise<void>
  readonly restart: () => Promise<void>
  /** Names of tasks in the order in which they began, run by run, as the journals tell it. */
  readonly began: () => Promise<readonly string[]>
  readonly stop: () => Promise<void>
}

const lookMs = 5

export async function openKitBench(): Promise<KitBench> {
  const folder = mkdtempSync(join(tmpdir(), 'tutti-kit-'))
  const database = await openDatabase({ url: undefined, dataFolder: folder })
  const { sql } = database
  const news = await openNews(database)
  const blobs = await openBlobs(join(folder, 'blobs'))
  const held: Held = { programs: new Map(), world: null }
  const nowMs = () => Date.now()
  const routes = await openRouteHost(() => held.world?.routes ?? null)
  const inference = () => ({ url: routes.url, key: 'kit' })
  const open = (): Promise<Engine> =>
    openEngine({ sql, news, blobs, inference, start: (request) => engine.start(request) }, held)
  const queues = runQueues(sql, news)
  let engine: Engine = await open() // `restart` writes
  return {
    enter: (next) => {
      held.world = next
    },
    declare: (source) => {
      const prepared = prepareWorkflow(source)
      if (!prepared.ok) {
        return prepared.findings.map(({ path, message }) => `${path}: ${message}`).join()
      }
      const { namespace, name, version } = prepared.program.document.document
      held.programs.set(`${held.world?.project}/${name}/${version}`, prepared.program)
      return { namespace, name, version }
    },
    start: (named, input) => engine.start({ ...named, project: held.world?.project ?? '', input }),
    publish: async (event) =>
      void (await publishEvent(sql, held.world?.project ?? '', event, nowMs())),
    cancel: (run) => cancel(sql, run),
    answer: async (run, task, answer) => {
      const asked = await askedFor(sql, run, task)
      if (asked === null) return false
      const output = { answer, by: 'somebody', atMs: nowMs() }
      await sendSignal(sql, run, { kind: 'completed', key: asked.key, output })
      return true
    },
    roleFor: async (run, task) => (await askedFor(sql, run, task))?.subject ?? null,
    outcome: async (run, limitMs) => {
      let timer: NodeJS.Timeout | undefined
      const late = new Promise<null>((resolve) => {
        timer = setTimeout(resolve, limitMs, null)
      })
      const outcome = await Promise.race([engine.outcomeOf(run), late])
      clearTimeout(timer)
      return outcome
    },
    untilIdle: async () => {
      for (let unread = 1; unread > 0 || engine.residents > 0; ) {
        await new Promise((resolve) => setTimeout(resolve, lookMs))
        await queues.turn()
        unread = (await sql`select 1 from workflow_signal limit 1`).length
      }
    },
    restart: async () => {
      await engine.stop()
      engine = await open()
    },
    began: () => tasksOf(sql, held),
    stop: async () => {
      queues.stop()
      await engine.stop()
      await routes.stop()
      await news.stop()
      await database.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** What outlives an engine; the bench writes. */
interface Held {
  readonly programs: Map<string, Program>
  world: KitWorld | null
}

async function cancel(sql: PerformPorts['sql'], run: string): Promise<void> {
  const reason = 'asked for'
  if (await cancelQueued(sql, run, { reason, nowMs: Date.now() })) return
  await sendSignal(sql, run, { kind: 'cancel', reason })
}

/** Lets queues go on when there is news of them, and when asked to. */
function runQueues(sql: PerformPorts['sql'], news: EnginePorts['news']) {
  let last: Promise<void> = Promise.resolve()
  const turn = () => {
    last = last.then(() => advanceQueues(sql, Date.now())).catch(() => {})
    return last
  }
  const wake = () => void turn()
  return { turn, stop: news.subscribe('workflow_trigger', { onNews: wake, onGap: wake }) }
}

/** A task of this name that waits for a person, and whom it waits for. */
async function askedFor(sql: PerformPorts['sql'], run: string, task: string) {
  const rows = await sql<{ key: string; subject: string }[]>`
    select key, subject from workflow_waiting where run = ${run} and kind = 'answer'`
  return rows.find(({ key }) => new RegExp(`/${task}(![^/]*)*$`).test(key)) ?? null
}

type EngineOf = Pick<PerformPorts, 'sql' | 'start' | 'inference'> &
  Required<Pick<PerformPorts, 'blobs'>> &
  Pick<EnginePorts, 'news'>

function openEngine({ sql, news, blobs, inference, start }: EngineOf, held: Held): Promise<Engine> {
  const nowMs = () => Date.now()
  return Engine.open({
    ...{ sql, news, nowMs },
    program: async ({ project, name, version }) => {
      const program = held.programs.get(`${project}/${name}/${version}`)
      if (program === undefined) throw new Error(`there is no workflow ${name} ${version}`)
      return program
    },
    surroundings: async () => surroundingsOf(held),
    queue: (request, id, { properties }) => enqueue(sql, { request, id }, properties, nowMs()),
    act: keeping(
      { sql, blobs, nowMs },
      performer({
        ...{ sql, blobs, nowMs, start, inference },
        egress: async (request) => {
          if (held.world === null) throw new Error('no scenario runs')
          return await held.world.egress(request)
        },
        reach: openReach({ allowPrivate: false }),
        newest: async ({ project, name }) => newestOf(held.programs, `${project}/${name}/`),
        outcome: async (id) => {
          const [stored] = await loadRuns(sql, [id])
          return stored?.outcome == null ? null : JSON.parse(stored.outcome)
        },
      }),
    ),
    onTrouble: () => {},
    onFenced: () => {},
  })
}

function surroundingsOf({ world }: Held) {
  return { secrets: world?.secrets ?? {}, runtime: { name: 'tutti', version: '0.1.0' } }
}

/** Works every run of this world out again, and watches. */
async function tasksOf(sql: PerformPorts['sql'], held: Held): Promise<readonly string[]> {
  const began: string[] = []
  const trace = (happening: Happening) => {
    if (happening.kind === 'started') began.push(happening.task)
  }
  const all = { project: held.world?.project ?? '', status: undefined, name: undefined, limit: 100 }
  const runs = [...(await listRuns(sql, all))].reverse() // the oldest first
  const journals = await loadJournals(
    sql,
    runs.map(({ head }) => head.id),
  )
  for (const { head } of runs) {
    const program = held.programs.get(`${head.project}/${head.name}/${head.version}`)
    const entries = journals.get(head.id)?.entries ?? []
    if (program !== undefined) replay(program, entries, { ...surroundingsOf(held), trace })
  }
  return began
}

function newestOf(programs: ReadonlyMap<string, Program>, prefix: string): string | null {
  const versions = [...programs.keys()].filter((key) => key.startsWith(prefix))
  return versions.sort().at(-1)?.slice(prefix.length) ?? null
}
