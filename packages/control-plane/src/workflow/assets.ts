// Assets
//
// What runs make for other runs. A step that needs some gets them where they are fresh, else it waits as a row until those who make
// them have done so: it is told by signal, nobody looks. Core decides (`planNeeds`); here it is looked up, started and told.
//
//   P1. Who asks, who makes and whose production ended take turns, project by project: what one decides the next one sees.
//   P2. Whoever waits has a production under way: its version, or its end, is what he is told by.

import type { Json } from '@tutti/core/resource'
import {
  type AssetNeed,
  assetName,
  type Outcome,
  standardError,
  type WorkflowError,
} from '@tutti/core/workflow'
import type { Query, Sql } from '../store/index.ts'
import { type ActContext, ActFailed } from './act.ts'
import { type MadeAsset, saveVersion } from './asset-rows.ts'
import type { JudgeStart } from './judge-start.ts'
import { Later } from './later.ts'
import { noteLineage } from './lineage.ts'
import {
  type EndedProduction,
  loadNeedsSight,
  type NeedsSight,
  type Waiter,
} from './needs-sight.ts'
import { type RunHead, shardOf } from './run-head.ts'
import { keyOf, type Signal, sendSignals } from './signal.ts'

export interface AssetPorts {
  readonly sql: Sql
  readonly nowMs: () => number
  /** Gives who says whether a run may be started to make an asset. */
  readonly judge: () => Promise<JudgeStart>
}

const lockSpace = 0x6173 // 'as': the first of two keys, so that no other lock of ours is met
const lostMs = 60_000 // asked for so long ago, and neither begun nor about to: it never will
const pageMax = 500 // waiting steps judged at once
const endedMax = 100 // productions in one turn

/** P1 */
async function lockProject(tx: Query, project: string): Promise<void> {
  await tx`select pg_advisory_xact_lock(${lockSpace}, hashtext(${project}))`
}

/** Gives the assets, or makes the step wait for them (`Later`). */
export async function needAssets(
  { sql, nowMs, judge: openJudge }: AssetPorts,
  { needs, key }: { readonly needs: readonly AssetNeed[]; readonly key: string },
  { head: run, signal }: ActContext,
): Promise<Json> {
  const judge = await openJudge()
  const said = await sql.begin(async (tx) => {
    await lockProject(tx, run.project)
    // Asked again after a crash: what it was told may wait to be read.
    const signals = await tx<{ body: string }[]>`
      select body from workflow_signal where shard = ${run.shard} and run = ${run.id}`
    const isTold = signals.some(({ body }) => keyOf(JSON.parse(body)) === key)
    if (isTold || signal.aborted) return null
    const [row] = await tx<{ rounds: number }[]>`
      select rounds from workflow_asset_wait where run = ${run.id} and key = ${key}`
    const waiter = { run: run.id, key, project: run.project, needs, rounds: row?.rounds ?? 0 }
    const sight = await loadNeedsSight(tx, run.project, [waiter])
    return await judgeWaiter(tx, { sight, judge, ended: null, nowMs: nowMs() }, waiter)
  })
  if (said === null) throw new Later()
  if (said.kind === 'failed') throw new ActFailed(said.error)
  return said.output
}

/** Makes a value the newest version of an asset; those who wait for it go on. */
export async function makeAsset(
  { sql, nowMs, judge: openJudge }: AssetPorts,
  { key, ...made }: MadeAsset & { readonly key: string },
  run: RunHead,
): Promise<Json> {
  const judge = await openJudge()
  const subject = assetName(made)
  await sql.begin(async (tx) => {
    await lockProject(tx, run.project)
    await saveVersion(tx, made, { run, key })
    await noteLineage(tx, { run, key, kind: 'makes', subject }, nowMs())
    const about = { project: run.project, asset: subject, ended: null }
    await tell(tx, { judge, nowMs: nowMs() }, about)
  })
  return { asset: made.name, partition: made.partition }
}

/** A run that was asked for is to make these: who needs one meanwhile waits for it. P1 */
export async function noteProductions(
  tx: Query,
  of: { readonly project: string; readonly assets: readonly string[]; readonly run: string },
  nowMs: number,
): Promise<void> {
  const { project, assets, run } = of
  if (assets.length === 0) return
  await lockProject(tx, project)
  await tx`
    insert into workflow_production (project, asset, run, shard, depth, started_at_ms)
    select ${project}, asset, ${run}, ${shardOf(run)}, 0, ${nowMs}
    from unnest(${[...assets]}::text[]) asset on conflict do nothing`
}

interface EndedRow {
  readonly project: string
  readonly asset: string
  readonly run: string
  readonly outcome: string | null
}

/** Tells those whose productions have ended. A turn of a loop. */
export async function advanceAssets({ sql, nowMs, judge: openJudge }: AssetPorts): Promise<void> {
  const [any] = await sql`select from workflow_production limit 1` // most of the time there is none
  if (any === undefined) return
  const judge = await openJudge()
  const rows = await sql<EndedRow[]>`
    select p.project, p.asset, p.run, r.outcome
    from workflow_production p left join workflow_run r on r.id = p.run
    where r.outcome is not null or (r.id is null and p.started_at_ms < ${nowMs() - lostMs}
      and not exists (select 1 from workflow_queued q where q.run = p.run)
      and not exists (
        select 1 from workflow_signal s where s.shard = p.shard and s.run = p.run))
    limit ${endedMax}`
  for (const { project, asset, run, outcome } of rows) {
    await sql.begin(async (tx) => {
      await lockProject(tx, project)
      const gone = await tx`
        delete from workflow_production where project = ${project} and asset = ${asset}
          and run = ${run} returning 1`
      if (gone.length === 0) return // another control plane was here
      const ended = { asset, run, failure: failureOf(outcome) }
      await tell(tx, { judge, nowMs: nowMs() }, { project, asset, ended })
    })
  }
}

function failureOf(text: string | null): string | null {
  if (text === null) return 'never began'
  const outcome: Outcome = JSON.parse(text)
  if (outcome.status === 'completed') return null
  if (outcome.status === 'cancelled') return `was cancelled: ${outcome.reason}`
  return `faulted: ${outcome.error.detail ?? outcome.error.type}`
}

/** Judges all that wait for an asset anew, and tells those for whom that is an end of waiting. */
async function tell(
  tx: Query,
  { judge, nowMs }: { readonly judge: JudgeStart; readonly nowMs: number },
  about: {
    readonly project: string
    readonly asset: string
    readonly ended: EndedProduction | null
  },
): Promise<void> {
  const { project, asset, ended } = about
  await tx`
    delete from workflow_asset_wait w where project = ${project} and assets @> ${[asset]}
      and not exists (select 1 from workflow_run r where r.id = w.run and r.outcome is null)`
  for (let after = { run: '', key: '' }; ; ) {
    const rows = await tx<(Omit<Waiter, 'needs'> & { needs: string })[]>`
      select run, key, project, needs, rounds from workflow_asset_wait
      where project = ${project} and assets @> ${[asset]}
        and (run, key) > (${after.run}, ${after.key})
      order by run, key limit ${pageMax}`
    const waiters = rows.map(({ needs, ...row }): Waiter => ({ ...row, needs: JSON.parse(needs) }))
    const sight = await loadNeedsSight(tx, project, waiters)
    const told: { run: string; signal: Signal }[] = []
    for (const waiter of waiters) {
      const rounds = waiter.rounds + (ended === null ? 0 : 1)
      const said = await judgeWaiter(tx, { sight, judge, ended, nowMs }, { ...waiter, rounds })
      if (said !== null) told.push({ run: waiter.run, signal: { ...said, key: waiter.key } })
    }
    await sendSignals(tx, told)
    const last = rows.at(-1)
    if (last === undefined || rows.length < pageMax) return
    after = last
  }
}

type Said =
  | { readonly kind: 'completed'; readonly output: Json }
  | { readonly kind: 'failed'; readonly error: WorkflowError }

interface Judgement {
  readonly sight: NeedsSight
  readonly judge: JudgeStart
  readonly ended: EndedProduction | null
  readonly nowMs: number
}

/** Null: it waits (P2). */
async function judgeWaiter(
  tx: Query,
  { sight, judge, ended, nowMs }: Judgement,
  waiter: Waiter,
): Promise<Said | null> {
  const { run, key, project, needs, rounds } = waiter
  const plan = sight.plan(waiter, ended, nowMs)
  if (plan.phase === 'waiting') {
    const error = await sight.start(tx, waiter, { produce: plan.produce, judge, nowMs })
    if (error === null) {
      await tx`
        insert into workflow_asset_wait (run, key, project, assets, needs, rounds)
        values (${run}, ${key}, ${project}, ${needs.map(assetName)}, ${JSON.stringify(needs)},
          ${rounds})
        on conflict (run, key) do update set rounds = excluded.rounds`
      return null
    }
    await forget(tx, waiter)
    return { kind: 'failed', error }
  }
  await forget(tx, waiter)
  if (plan.phase === 'failed') return { kind: 'failed', error: notFresh(plan.reason) }
  const read = sight.read(needs)
  for (const { name, partition, digest } of read) {
    const subject = assetName({ name, partition })
    const of = { run: { id: run, project }, key, kind: 'needs', subject } as const
    await noteLineage(tx, { ...of, detail: { digest } }, nowMs)
  }
  return { kind: 'completed', output: read }
}

async function forget(tx: Query, { run, key }: Waiter): Promise<void> {
  await tx`delete from workflow_asset_wait where run = ${run} and key = ${key}`
}

/** Documents catch it by this type: it is none of the specification's. */
function notFresh(detail: string): WorkflowError {
  return { ...standardError('configuration', detail), ...failedDependency }
}

const failedDependency = {
  type: 'urn:tutti:error:asset',
  status: 424,
  title: 'Asset Not Fresh',
} as const
