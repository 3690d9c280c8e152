// Workflow lifecycle
//
// The events of a project's runs in the one order that they have: a page of them, or as server-sent events while they come. The id of an
// event there is its place, with which its reader goes on where he was.

import type { Context, Hono } from 'hono'
import { streamSSE } from 'hono/streaming'
import type { Principal } from '../governance/index.ts'
import {
  type LifecycleFilter,
  lifecycleBounds,
  loadLifecycle,
  orderedChannel,
} from '../workflow/index.ts'
import { refuse } from './answer.ts'
import { whyMayNot } from './authorize.ts'
import type { ApiPorts, Env } from './ports.ts'
import { standingOf } from './standing.ts'
import { labelsIn, nameForm, whyMayNotRead } from './workflow-runs.ts'

const pageMax = 500
const lookMs = 10_000 // for what nobody told us of, and so that proxies see that somebody is there
const followersMax = 200 // of whom each reads what is new: a page for each event at worst

export function mountLifecycle(app: Hono<Env>, ports: ApiPorts): void {
  let followers = 0 // written here alone
  app.get('/api/v1/lifecycle', async (context) => {
    const asked = await readAsked(context, ports)
    if (asked instanceof Response) return asked
    const isFollower = context.req.query('watch') === 'true'
    if (!isFollower) return await page(context, ports, asked)
    if (followers >= followersMax) {
      return refuse(context, 'api/unavailable', `${followers} follow events already`)
    }
    followers += 1
    return follow(context, ports, { ...asked, onEnd: () => (followers -= 1) })
  })
}

interface Asked {
  readonly filter: LifecycleFilter
  /** The place of the newest event that the reader has. */
  readonly after: number
}

async function readAsked(context: Context<Env>, ports: ApiPorts): Promise<Asked | Response> {
  const { project = 'default', workflow, type, after, watch } = context.req.query()
  const denied = await whyMayNotRead(context, ports, { project, name: '' })
  if (denied !== null) return refuse(context, 'api/forbidden', denied)
  const labels = labelsIn(context.req.queries('label') ?? [])
  if (typeof labels === 'string') return refuse(context, 'api/invalid', labels)
  if (workflow !== undefined && !nameForm.test(workflow)) {
    return refuse(context, 'api/invalid', 'workflow: expected NAMESPACE.NAME, or with :VERSION')
  }
  const { newest, oldest } = await lifecycleBounds(ports.sql)
  const given = context.req.header('last-event-id') ?? after
  const first = watch === 'true' ? newest : oldest - 1
  const place = given === undefined ? first : Number(given)
  if (!Number.isSafeInteger(place) || place < 0) {
    return refuse(context, 'api/invalid', 'after, Last-Event-ID: expected the id of an event')
  }
  // Who would miss some is told so, and looks at the runs themselves.
  if (given !== undefined && place < oldest - 1) {
    const reason = `events up to ${oldest - 1} are not kept any more: go on after that one`
    return refuse(context, 'api/conflict', reason)
  }
  const types = type === undefined ? undefined : type.split(',')
  return { filter: { project, workflow, labels, types }, after: place }
}

async function page(
  context: Context<Env>,
  ports: ApiPorts,
  { filter, after }: Asked,
): Promise<Response> {
  const rows = await loadLifecycle(ports.sql, filter, after, pageMax)
  const items = rows.map(({ place, body }) => ({ place, event: JSON.parse(body) }))
  return context.json({ items, after: items.at(-1)?.place ?? after })
}

function follow(
  context: Context<Env>,
  ports: ApiPorts,
  { filter, after, onEnd }: Asked & { readonly onEnd: () => void },
): Response {
  const caller = context.get('caller')
  const target = { kind: 'Workflow', project: filter.project, name: '' }
  const whyNot = (principal: Principal) => whyMayNot(ports, principal, 'read', target)
  return streamSSE(context, async (stream) => {
    let [wake, isNews]: [() => void, boolean] = [() => {}, false]
    const onNews = () => {
      isNews = true
      wake()
    }
    const stop = ports.news.subscribe(orderedChannel, { onNews, onGap: onNews })
    stream.onAbort(() => wake())
    let last = after
    try {
      // Who is cut off before the first event goes on from here, too.
      await stream.writeSSE({ id: `${last}`, event: 'begin', data: '{}' })
      while (!stream.aborted) {
        isNews = false
        const rows = await loadLifecycle(ports.sql, filter, last, pageMax)
        if ((await standingOf(caller, whyNot)).phase !== 'holds') return
        for (const { place, body } of rows) {
          last = place
          await stream.writeSSE({ id: `${place}`, event: 'lifecycle', data: body })
        }
        if (rows.length > 0 || isNews) continue
        const isWoken = await new Promise<boolean>((resolve) => {
          const timer = setTimeout(() => resolve(false), lookMs)
          wake = () => {
            clearTimeout(timer)
            resolve(true)
          }
        })
        if (!isWoken) await stream.write(': keep-alive\n\n')
      }
    } finally {
      stop()
      onEnd()
    }
  })
}
