// Processes
//
// Scripts, commands and containers of workflows, as rows that nodes take: never run here. A node that goes away loses what it had to another one,
// as a step that was under way is done again; what nobody may take, or nobody brings to an end, is an error of its step.
//
//   X1. A node gets what it offers to run, and what policy lets this project's workflows run on it: nothing is permitted by itself.
//   X2. A node's word counts for what it has, as long as it has it.

import { decideVerdict } from '@tutti/core/governance'
import type { Json } from '@tutti/core/resource'
import {
  type ProcessOffer,
  type ProcessOrder,
  type ProcessOutcome,
  planRun,
  standardError,
} from '@tutti/core/workflow'
import { automation, emptyContext, type PolicyEngine } from '../governance/index.ts'
import type { Query, Sql } from '../store/index.ts'
import { noteLineage } from './lineage.ts'
import { tellQueues } from './queue.ts'
import type { RunHead } from './run-head.ts'
import { keyOf, type Signal, sendSignal } from './signal.ts'

export const leaseMs = 15_000 // a node says every five seconds that it is at it
const beginMs = 30_000 // an order that was on its way for longer is not begun
const unclaimedMs = 120_000 // no node took it: one that starts now may have been meant
const attemptsMax = 3 // nodes that went away with it
const sortsMax = 1_000 // workflows that wait for one node to ask: policy is asked once for each

export type ProcessBody = Pick<
  ProcessOrder,
  'text' | 'arguments' | 'environment' | 'stdin' | 'container'
>

export interface ProcessRequest {
  readonly run: RunHead
  readonly key: string
  readonly kind: ProcessOrder['kind']
  readonly language: ProcessOrder['language']
  readonly body: ProcessBody
  readonly isAwaited: boolean
  readonly returns: string
}

/** Asked for twice it is there once. */
export async function askProcess(
  sql: Sql,
  asked: ProcessRequest,
  nowMs: number,
  signal: AbortSignal,
): Promise<void> {
  const { run, key } = asked
  await sql.begin(async (tx) => {
    await lock(tx, run.id + key)
    // Asked for again after a crash: how it ended may wait to be read.
    const signals = await tx<{ body: string }[]>`
      select body from workflow_signal where shard = ${run.shard} and run = ${run.id}`
    const isOver = signals.some(({ body: said }) => keyOf(JSON.parse(said)) === key)
    if (!isOver && !signal.aborted) await insert(tx, asked, nowMs)
  })
  await tellQueues(sql)
}

async function lock(tx: Query, id: string): Promise<void> {
  await tx`select pg_advisory_xact_lock(${lockSpace}, hashtext(${id}))`
}

const lockSpace = 0x7072 // 'pr': the first of two keys, so that no other lock of ours is met

async function insert(tx: Query, asked: ProcessRequest, nowMs: number): Promise<void> {
  const { run, key, kind, language, body, isAwaited, returns } = asked
  await tx`
    insert into workflow_process (id, run, key, project, workflow, kind, language, body, is_awaited,
      returns, asked_at_ms)
    values (${run.id + key}, ${run.id}, ${key}, ${run.project}, ${`${run.namespace}.${run.name}`},
      ${kind}, ${language ?? ''}, ${JSON.stringify(body)}, ${isAwaited}, ${returns}, ${nowMs})
    on conflict do nothing`
}

interface ProcessRow {
  readonly id: string
  readonly run: string
  readonly key: string
  readonly project: string
  readonly workflow: string
  readonly kind: ProcessOrder['kind']
  readonly language: ProcessOrder['language'] | ''
  readonly body: string
  readonly is_awaited: boolean
  readonly returns: string
  readonly refusal: string | null
  readonly attempts: number
}

export interface OfferingNode {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly offer: ProcessOffer
}

/** Gives a node what it may run next; null where there is nothing. */
export async function takeProcess(
  sql: Sql,
  node: OfferingNode,
  engine: PolicyEngine,
  nowMs: number,
): Promise<ProcessOrder | null> {
  const { kinds, languages } = node.offer
  return await sql.begin(async (tx) => {
    const open = tx`
      kind = any(${[...kinds]}) and (language = '' or language = any(${[...languages]}))
        and (node is null or lease_until_ms < ${nowMs}) and attempts < ${attemptsMax}`
    // However many of one workflow wait, policy says the same of all.
    const sorts = await tx<Sort[]>`
      select project, workflow, kind, bool_or(refusal is null) as is_untold from workflow_process
      where ${open} group by project, workflow, kind order by min(place) limit ${sortsMax}`
    for (const sort of sorts) {
      const { project, workflow, kind } = sort
      const refusal = whyNotOn(engine, node, sort)
      if (refusal !== null) {
        if (sort.is_untold) {
          await tx`
            update workflow_process set refusal = ${refusal} where ${open} and refusal is null
              and (project, workflow, kind) = (${project}, ${workflow}, ${kind})`
        }
        continue
      }
      const [row] = await tx<ProcessRow[]>`
        select * from workflow_process
        where ${open} and (project, workflow, kind) = (${project}, ${workflow}, ${kind})
        order by place limit 1 for update skip locked`
      if (row === undefined) continue // others have them
      await tx`
        update workflow_process set node = ${node.name}, attempts = attempts + 1,
          lease_until_ms = ${nowMs + leaseMs} where id = ${row.id}`
      return orderOf(row, node.name, nowMs + beginMs)
    }
    return null
  })
}

/** What policy goes by; `is_untold`: of some that wait nobody has said why a node may not. */
interface Sort extends Pick<ProcessRow, 'project' | 'workflow' | 'kind'> {
  readonly is_untold: boolean
}

/** X1 */
function whyNotOn(
  engine: PolicyEngine,
  node: OfferingNode,
  { project, workflow, kind }: Pick<ProcessRow, 'project' | 'workflow' | 'kind'>,
): string | null {
  const plan = { ...planRun({}), processes: [kind], workflows: [workflow] }
  const { costMicrosMax: _, ...lists } = plan
  const verdict = decideVerdict(
    engine.answer({
      principal: automation(`workflow/${project}`),
      action: 'run',
      resource: { kind: 'Node', project: '', name: node.name, labels: node.labels },
      context: { ...emptyContext, plan: lists },
    }),
  )
  if (verdict.kind === 'allow') return null
  const { id = '', reason = '' } = verdict.denials[0] ?? {}
  return `${node.name}: denied by ${id}: ${reason}`
}

function orderOf(row: ProcessRow, node: string, expiresAtMs: number): ProcessOrder {
  const body: ProcessBody = JSON.parse(row.body)
  const language = row.language === '' ? null : row.language
  const about = { format: 'tutti/process/v1', id: row.id, node, expiresAtMs } as const
  return { ...about, kind: row.kind, language, ...body }
}

/** The node is at it; false where it is not wanted any more, or another node has it. */
export async function keepProcess(
  sql: Sql,
  { id, node }: { readonly id: string; readonly node: string },
  nowMs: number,
): Promise<boolean> {
  const rows = await sql`
    update workflow_process p set lease_until_ms = ${nowMs + leaseMs}
    where id = ${id} and node = ${node}
      and (not p.is_awaited or not exists (
        select 1 from workflow_run r where r.id = p.run and r.outcome is not null))
    returning 1`
  return rows.length > 0
}

/** Takes in how it ended; false where the node does not have it. X2 */
export async function endProcess(
  sql: Sql,
  { id, node }: { readonly id: string; readonly node: string },
  outcome: ProcessOutcome,
  nowMs: number,
): Promise<boolean> {
  return await sql.begin(async (tx) => {
    await lock(tx, id)
    const [row] = await tx<ProcessRow[]>`
      delete from workflow_process where id = ${id} and node = ${node} returning *`
    if (row === undefined) return false
    if (outcome.image !== undefined) {
      const run = { id: row.run, project: row.project }
      await noteLineage(tx, { run, key: row.key, kind: 'uses', subject: outcome.image }, nowMs)
    }
    if (row.is_awaited) await sendSignal(tx, row.run, signalOf(row, outcome))
    return true
  })
}

function signalOf({ key, returns, kind }: ProcessRow, outcome: ProcessOutcome): Signal {
  const { code, stdout, stderr, failure } = outcome
  const isFine = code === 0 || returns === 'code' || returns === 'all'
  if (failure === null && isFine) {
    const all: Readonly<Record<string, Json>> = { code, stdout, stderr }
    const output = returns === 'none' ? null : returns === 'all' ? all : (all[returns] ?? null)
    return { kind: 'completed', key, output }
  }
  const said = stderr.trim().slice(-detailMax)
  const detail = failure ?? `the ${kind} ended with code ${code}${said === '' ? '' : `: ${said}`}`
  return { kind: 'failed', key, error: standardError('runtime', detail) }
}

const detailMax = 2_000 // characters: the end of what it said

/** Ends what nobody takes or brings to an end, or wants. A turn of a loop. */
export async function expireProcesses(sql: Sql, nowMs: number): Promise<void> {
  await sql`
    delete from workflow_process p where is_awaited and
      exists (select 1 from workflow_run r where r.id = p.run and r.outcome is not null)`
  await sql.begin(async (tx) => {
    const rows = await tx<ProcessRow[]>`
      delete from workflow_process where
        (node is null and asked_at_ms < ${nowMs - unclaimedMs})
        or (attempts >= ${attemptsMax} and lease_until_ms < ${nowMs})
      returning *`
    for (const row of rows) await giveUp(tx, row)
  })
}

async function giveUp(tx: Query, row: ProcessRow): Promise<void> {
  if (!row.is_awaited) return
  const what = row.language === '' ? row.kind : `${row.kind} in ${row.language}`
  const why = row.refusal === null ? 'no node offers to' : row.refusal
  const detail =
    row.attempts > 0
      ? `${row.attempts} nodes that ran it went away`
      : `a ${what} runs on a node that allows it by policy, and none does: ${why}`
  const kind = row.attempts > 0 ? 'runtime' : 'configuration'
  await sendSignal(tx, row.run, {
    kind: 'failed',
    key: row.key,
    error: standardError(kind, detail),
  })
}
