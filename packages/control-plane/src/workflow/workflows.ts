// Workflows
//
// The workflow room of a control plane: documents as they are declared, one engine that runs them, and another one where
// it was fenced.

import {
  type CloudEvent,
  type Entry,
  type ForkPoint,
  lifecycleEvents,
  type Outcome,
  type Program,
  planRun,
  prepareWorkflow,
  type Surroundings,
  standardError,
  workflowName,
  workflowSpec,
} from '@tutti/core/workflow'
import { pause } from '@tutti/machine'
import type { Logger } from 'pino'
import { automation, type PolicyEngine } from '../governance/index.ts'
import type { News } from '../news.ts'
import { type Blobs, loadResource, type Query, type Sql } from '../store/index.ts'
import type { Copied } from './copy-run.ts'
import { type Egress, openEgress, openReach } from './egress.ts'
import { Engine } from './engine.ts'
import { EngineBusy } from './engine-busy.ts'
import { forkRun } from './fork-run.ts'
import type { Inference } from './infer.ts'
import type { JudgeStart } from './judge-start.ts'
import { whyNoRun } from './judge-tick.ts'
import { keeping } from './keep-result.ts'
import { openLifecycleLevels } from './lifecycle-levels.ts'
import { loadRuns, type StoredRun } from './load-runs.ts'
import type { RunSurroundings } from './open-resident.ts'
import { outlasting } from './outlast-database.ts'
import { performer } from './perform-act.ts'
import { enqueue } from './queue.ts'
import { retryRun } from './retry-run.ts'
import type { RunHead } from './run-head.ts'
import { RunNews } from './run-news.ts'
import { type Judge, openSchedules, type Schedules } from './schedules.ts'
import { openSecrets } from './secrets.ts'
import type { StartRequest } from './start-request.ts'
import { toldRun } from './telling.ts'
import { type Upgraded, type UpgradeRequest, upgradeRuns } from './upgrade-runs.ts'
import { withholding } from './withhold-secrets.ts'
import { orNull } from './within.ts'

export interface WorkflowsPorts {
  readonly sql: Sql
  readonly news: Pick<News, 'subscribe'>
  readonly decrypt: (sealed: string) => string
  readonly log: Logger
  readonly blobs: Blobs
  readonly policies: () => Promise<PolicyEngine>
  readonly nowMs: () => number
  readonly version: string
  /** Whether steps may call addresses in private networks. */
  readonly allowPrivateCalls: boolean
  /** Where `tutti.infer` asks; null where no gateway is known. */
  readonly inference: () => Inference | null
}

type Version = Pick<RunHead, 'project' | 'namespace' | 'name' | 'version'>

export interface Workflows {
  readonly start: (request: StartRequest) => Promise<string>
  /** How a run ended; null where it has not by then. */
  readonly outcomeOf: (id: string, withinMs: number) => Promise<Outcome | null>
  /** The program of a version; throws where there is none. */
  readonly program: (of: Version) => Promise<Program>
  /** What a run has been through, as CloudEvents of the specification. */
  readonly lifecycle: (of: RunHead, journal: readonly Entry[]) => Promise<readonly CloudEvent[]>
  /** The run once more, from what failed. */
  readonly retry: (run: StoredRun) => Promise<Copied>
  /** The run once more, from any of its tasks. */
  readonly fork: (run: StoredRun, point: ForkPoint) => Promise<Copied>
  /** Takes runs to another version. */
  readonly upgrade: (request: UpgradeRequest, after: string) => Promise<Upgraded>
  /** Starts what is scheduled. A turn of a loop. */
  readonly schedules: Schedules
  /** Calls whenever the run's journal may have grown; gives what ends it. */
  readonly watch: (run: string, wake: () => void) => () => void
  /** A Secret of the project was changed here: who starts a run now sees it. */
  readonly forgetSecrets: (project: string) => void
  /** The Project was changed here: who starts a run now is told of as it says. */
  readonly forgetProject: (project: string) => void
  readonly stop: () => Promise<void>
}

const programsMax = 1_000 // versions kept compiled, some hundred KB each at most
const reopenMs = 1_000

export async function openWorkflows(ports: WorkflowsPorts): Promise<Workflows> {
  const { sql, blobs, news, nowMs, log } = ports
  const egress: Egress = openEgress({ allowPrivate: ports.allowPrivateCalls })
  const reach = openReach({ allowPrivate: ports.allowPrivateCalls })
  const program = openPrograms(sql)
  let engine: Engine | null = null // written by `open` and `onFenced`
  let isStopped = false
  const start = async (request: StartRequest) => {
    if (engine === null) throw new EngineBusy('is being started')
    return await engine.start(request)
  }
  const mayStart = () => openStarts(ports)
  const perform = performer({
    ...{ sql, blobs, egress, reach, start, nowMs, inference: ports.inference },
    ...{ hasNodes: true, mayStart },
    newest: (of) => newestVersion(sql, of),
    outcome: (id) => outcomeOf(sql, id),
  })
  const kept = keeping({ sql, blobs, nowMs }, perform)
  const projects = openProjects(ports)
  const { secrets, surroundings } = projects
  const withheld = withholding(kept, (project) => secrets.of(project))
  const act = outlasting(withheld, pause)
  const onTrouble = (what: string, error: unknown) => log.error({ error }, what)
  const runNews = new RunNews({ sql, news, nowMs, onTrouble })
  const open = async (): Promise<void> => {
    if (isStopped) return
    engine = await Engine.open({
      ...{ sql, news, program, act, nowMs, surroundings },
      queue: (request, id, { properties }) => enqueue(sql, { request, id }, properties, nowMs()),
      onTrouble,
      onWritten: (run) => runNews.written(run),
      onFenced: () => {
        engine = null
        log.warn('another engine has taken over: this one starts anew')
        reopen()
      },
    })
  }
  const reopen = () => {
    open().catch((error: unknown) => {
      log.error({ error }, 'the workflow engine did not start and is started again')
      setTimeout(reopen, reopenMs).unref()
    })
  }
  await open()
  const copies = { sql, program, surroundings, nowMs }
  return {
    ...{ start, program },
    lifecycle: lifecycleOf(program, surroundings),
    outcomeOf: async (id, withinMs) => {
      const ended = engine?.outcomeOf(id) ?? null
      // Another engine may have taken the run over meanwhile: the row says it then.
      return (await orNull(withinMs, ended)) ?? (await outcomeOf(sql, id))
    },
    retry: (run) => retryRun(copies, run),
    fork: (run, point) => forkRun(copies, run, point),
    upgrade: (request, after) => upgradeRuns(copies, request, after),
    forgetSecrets: (project) => secrets.forget(project),
    forgetProject: (project) => projects.levels.forget(project),
    schedules: openSchedules({ sql, nowMs, judge: () => openJudge(ports), productions: mayStart }),
    watch: (run, wake) => runNews.watch(run, wake),
    stop: async () => {
      isStopped = true
      runNews.stop()
      projects.stop()
      await engine?.stop()
    },
  }
}

/** What runs of a project see, and what is told of them. */
function openProjects(ports: WorkflowsPorts) {
  const secrets = openSecrets(ports)
  const levels = openLifecycleLevels(ports)
  const runtime = { name: 'tutti', version: ports.version }
  return {
    secrets,
    levels,
    surroundings: async (project: string): Promise<RunSurroundings> => {
      const [known, lifecycle] = await Promise.all([secrets.of(project), levels.of(project)])
      return { secrets: known, runtime, lifecycle }
    },
    stop: () => {
      secrets.stop()
      levels.stop()
    },
  }
}

/** Prepared documents; a version never changes, so that what was prepared once stays right. */
function openPrograms(sql: Sql): (of: Version) => Promise<Program> {
  const held = new Map<string, Program>()
  return async (of) => {
    const name = workflowName(of)
    const key = `${of.project}/${name}`
    const known = held.get(key)
    if (known !== undefined) return known
    const resource = await loadResource(sql, { kind: 'Workflow', project: of.project, name })
    if (resource === null) throw new Error(`there is no Workflow ${name} in ${of.project}`)
    const prepared = prepareWorkflow(workflowSpec.parse(resource.spec).document)
    if (!prepared.ok) throw new Error(`the Workflow ${name} is not valid any more`)
    const [oldest] = held.keys()
    if (held.size >= programsMax && oldest !== undefined) held.delete(oldest)
    held.set(key, prepared.program)
    return prepared.program
  }
}

async function openJudge({ policies }: WorkflowsPorts): Promise<Judge> {
  const engine = await policies()
  return (tick) => whyNoRun(engine, tick)
}

/** What a workflow names was declared with it: policy may still forbid what that one reaches. */
async function openStarts({ policies }: WorkflowsPorts): Promise<JudgeStart> {
  const engine = await policies()
  return async (tx, { version: wanted, ...named }) => {
    const version = wanted === 'latest' ? ((await newestVersion(tx, named)) ?? '') : wanted
    const of = { ...named, version }
    const key = { kind: 'Workflow', project: of.project, name: workflowName(of) }
    const resource = await loadResource(tx, key)
    if (resource === null) {
      const detail = `there is no workflow ${of.namespace}/${of.name}`
      return { ok: false, error: standardError('configuration', detail) }
    }
    const plan = planRun(workflowSpec.parse(resource.spec).document)
    const principal = automation(`workflow/${of.project}`)
    const { labels } = resource.metadata
    const denied = whyNoRun(engine, { ...of, plan, labels }, principal)
    if (denied === null) return { ok: true, version }
    return { ok: false, error: standardError('authorization', `${key.name}: ${denied}`) }
  }
}

function lifecycleOf(
  program: Workflows['program'],
  surroundings: (project: string) => Promise<Surroundings>,
): Workflows['lifecycle'] {
  return async (of, journal) =>
    lifecycleEvents(await program(of), journal, {
      run: toldRun(of),
      surroundings: await surroundings(of.project),
    })
}

/** The version that was declared last; null where there is none. */
export async function newestVersion(
  sql: Query,
  of: Pick<RunHead, 'project' | 'namespace' | 'name'>,
): Promise<string | null> {
  const start = workflowName({ ...of, version: '' })
  const [row] = await sql<{ name: string }[]>`
    select name from resource
    where kind = 'Workflow' and project = ${of.project} and not deleted
      and starts_with(name, ${start})
    order by created_at_ms desc, name desc limit 1`
  return row === undefined ? null : row.name.slice(start.length)
}

async function outcomeOf(sql: Sql, id: string): Promise<Outcome | null> {
  const [run] = await loadRuns(sql, [id])
  return run === undefined || run.outcome === null ? null : JSON.parse(run.outcome)
}
