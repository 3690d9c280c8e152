// Processes
//
// Nodes come here, with the session of their connection, for scripts and commands of workflows: they wait for one, say that they are
// at it, and say how it ended.

import { canonicalJson, signingPrefix } from '@tutti/core/resource'
import { processOffer, processOutcome } from '@tutti/core/workflow'
import type { Context, Hono } from 'hono'
import { loadResource } from '../store/index.ts'
import { endProcess, keepProcess, takeProcess } from '../workflow/index.ts'
import { refuse } from './answer.ts'
import type { ApiPorts, Env } from './ports.ts'
import { readJson } from './resources.ts'

const waitMs = 20_000 // proxies end what is silent for a minute
const waitersMax = 2_000 // nodes that wait at one control plane

export function mountProcesses(app: Hono<Env>, ports: ApiPorts): void {
  let waiters = 0 // written here alone
  app.post('/api/v1/processes/next', async (context) => {
    if (waiters >= waitersMax) {
      return refuse(context, 'api/unavailable', `${waiters} nodes wait for processes already`)
    }
    waiters += 1
    try {
      return await next(context, ports)
    } finally {
      waiters -= 1
    }
  })
  app.post('/api/v1/processes/:id/keep', (context) => keep(context, ports))
  app.post('/api/v1/processes/:id/outcome', (context) => end(context, ports))
}

function nodeIn(context: Context<Env>): string | null {
  const { principal } = context.get('caller')
  return principal.type === 'Node' ? principal.id : null
}

function notANode(context: Context<Env>): Response {
  return refuse(context, 'api/forbidden', 'only nodes run processes')
}

/** The next order, as soon as there is one; 204 where there is none for a while. */
async function next(context: Context<Env>, ports: ApiPorts): Promise<Response> {
  const name = nodeIn(context)
  if (name === null) return notANode(context)
  const body = await readJson(context)
  const offer = processOffer.safeParse(body.ok ? body.value : null)
  if (!offer.success) return refuse(context, 'api/invalid', 'expected {kinds, languages}')
  const { signal } = context.req.raw
  const untilMs = ports.nowMs() + waitMs
  const bell = openBell(ports, signal)
  try {
    while (!signal.aborted) {
      const resource = await loadResource(ports.sql, { kind: 'Node', project: '', name })
      const node = { name, labels: resource?.metadata.labels ?? {}, offer: offer.data }
      const engine = await ports.policies()
      const order = await takeProcess(ports.sql, node, engine, ports.nowMs())
      if (order !== null) {
        const payload = canonicalJson(order)
        const signature = ports.identity.sign(signingPrefix.process, payload)
        return context.json({ payload, signature })
      }
      const leftMs = untilMs - ports.nowMs()
      if (leftMs <= 0) break
      await bell.rings(leftMs)
    }
    return context.body(null, 204)
  } finally {
    bell.stop()
  }
}

/** Rings where something may be there to run, and when the caller has gone. */
function openBell({ news }: Pick<ApiPorts, 'news'>, signal: AbortSignal) {
  let hasRung = false
  let wake = () => {}
  const ring = () => {
    hasRung = true
    wake()
  }
  const stop = news.subscribe('workflow_trigger', { onNews: ring, onGap: ring })
  signal.addEventListener('abort', ring)
  return {
    stop,
    rings: async (withinMs: number) => {
      if (!hasRung) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, withinMs)
          wake = () => {
            clearTimeout(timer)
            resolve()
          }
        })
      }
      hasRung = false
    },
  }
}

async function keep(context: Context<Env>, ports: ApiPorts): Promise<Response> {
  const node = nodeIn(context)
  if (node === null) return notANode(context)
  const id = context.req.param('id') ?? ''
  const isWanted = await keepProcess(ports.sql, { id, node }, ports.nowMs())
  return context.json({ isWanted })
}

async function end(context: Context<Env>, ports: ApiPorts): Promise<Response> {
  const node = nodeIn(context)
  if (node === null) return notANode(context)
  const body = await readJson(context)
  const outcome = processOutcome.safeParse(body.ok ? body.value : null)
  if (!outcome.success) return refuse(context, 'api/invalid', 'expected how the process ended')
  const id = context.req.param('id') ?? ''
  const isTaken = await endProcess(ports.sql, { id, node }, outcome.data, ports.nowMs())
  if (isTaken) return context.json({ id })
  return refuse(context, 'api/conflict', `the node does not run ${id}`)
}
