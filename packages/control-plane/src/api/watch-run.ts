// Watch run
//
// A run's journal as server-sent events, as it grows: one event per entry, whose id is its place, so that who was cut off goes on
// with `Last-Event-ID`; `ended` with the outcome is the last one. Which engine writes a journal may be any: it says that there is
// something new, which is read by its place. Who may not read it any more hears no more.

import { type Entry, workflowName } from '@tutti/core/workflow'
import type { Context, Hono } from 'hono'
import { streamSSE } from 'hono/streaming'
import type { Principal } from '../governance/index.ts'
import { loadArchived, loadRuns, type StoredRun } from '../workflow/index.ts'
import { refuse } from './answer.ts'
import { whyMayNot } from './authorize.ts'
import type { ApiPorts, Env } from './ports.ts'
import { workflowTarget } from './runnable.ts'
import { standingOf } from './standing.ts'
import { findRun } from './workflow-runs.ts'

const lookMs = 10_000 // for what nobody told us of
const keepAliveMs = 15_000
const watchersMax = 500 // two thousand small reads a second
const turnsMax = 200 // read at once

export function mountWatch(app: Hono<Env>, ports: ApiPorts): void {
  let watchers = 0 // written here alone
  app.get('/api/v1/runs/:id/events', async (context) => {
    const found = await findRun(context, ports)
    if (found instanceof Response) return found
    if (watchers >= watchersMax) {
      return refuse(context, 'api/unavailable', `${watchers} runs are watched already`)
    }
    const last = Number(context.req.header('last-event-id') ?? -1)
    if (!Number.isInteger(last) || last < -1) {
      return refuse(context, 'api/invalid', 'Last-Event-ID: expected the id of an event')
    }
    watchers += 1
    return watch(context, ports, { run: found, last, onEnd: () => (watchers -= 1) })
  })
}

interface Watched {
  readonly run: StoredRun
  /** The place of the newest entry that the client has. */
  readonly last: number
  readonly onEnd: () => void
}

function watch(context: Context<Env>, ports: ApiPorts, watched: Watched): Response {
  const { id, project } = watched.run.head
  const caller = context.get('caller')
  const name = workflowName(watched.run.head)
  const whyNot = async (principal: Principal) => {
    const { target } = await workflowTarget(ports, { project, name })
    return await whyMayNot(ports, principal, 'read', target)
  }
  return streamSSE(context, async (stream) => {
    let [wake, isNews]: [() => void, boolean] = [() => {}, false]
    const unwatch = ports.workflows.watch(id, () => {
      isNews = true
      wake()
    })
    stream.onAbort(() => wake())
    let { last } = watched
    let saidMs = ports.nowMs()
    try {
      while (!stream.aborted) {
        isNews = false
        // The end first: what is read after it is whole.
        const [row] = await loadRuns(ports.sql, [id])
        const archived = row === undefined ? await loadArchived(ports.sql, id) : null
        const entries = archived?.journal.entries.slice(last + 1) ?? (await readOn(ports, id, last))
        if ((await standingOf(caller, whyNot)).phase !== 'holds') return
        for (const entry of entries) {
          last += 1
          await stream.writeSSE({ id: `${last}`, event: entry.kind, data: JSON.stringify(entry) })
          saidMs = ports.nowMs()
        }
        const outcome = (row ?? archived?.run)?.outcome ?? null
        if (outcome !== null && entries.length === 0) {
          await stream.writeSSE({ event: 'ended', data: outcome })
          return
        }
        if (entries.length > 0 || isNews) continue
        if (ports.nowMs() - saidMs > keepAliveMs) {
          await stream.write(': keep-alive\n\n')
          saidMs = ports.nowMs()
        }
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, lookMs)
          wake = () => {
            clearTimeout(timer)
            resolve()
          }
        })
      }
    } finally {
      unwatch()
      watched.onEnd()
    }
  })
}

/** Entries after this place. A turn begins where the one before ended. */
async function readOn({ sql }: ApiPorts, run: string, last: number): Promise<readonly Entry[]> {
  const rows = await sql<{ seq: number; body: string }[]>`
    select seq, body from workflow_entry
    where run = ${run} and seq >= coalesce(
      (select max(seq) from workflow_entry where run = ${run} and seq <= ${last + 1}), 0)
    order by seq limit ${turnsMax}`
  return rows.flatMap(({ seq, body }) => {
    const turn: readonly Entry[] = JSON.parse(body)
    return turn.slice(Math.max(0, last + 1 - seq))
  })
}
