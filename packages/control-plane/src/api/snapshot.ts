// Snapshot
//
// `GET /api/v1/snapshot`: the signed configuration for gateways; with `?watch=true` a stream of them.

import { gatewayHello, type SignedSnapshot } from '@tutti/core/routing'
import type { Context, Hono } from 'hono'
import { streamSSE } from 'hono/streaming'
import type { Principal } from '../governance/index.ts'
import { parseRelayUrl } from '../routing/index.ts'
import { refuse } from './answer.ts'
import { whyMayNot } from './authorize.ts'
import type { ApiPorts, Env } from './ports.ts'
import { standingOf } from './standing.ts'

const keepAliveMs = 10_000 // a gateway that hears nothing for three of these connects again

export function mountSnapshot(app: Hono<Env>, ports: ApiPorts): void {
  app.get('/api/v1/snapshot', (context) => snapshot(context, ports))
}

async function snapshot(context: Context<Env>, ports: ApiPorts): Promise<Response> {
  const { principal } = context.get('caller')
  const denied = await whyMayNotServe(ports, principal)
  if (denied !== null) return refuse(context, 'api/forbidden', denied)
  if (context.req.query('watch') === 'true') {
    const said = context.req.query('relay')
    const url = said === undefined ? undefined : parseRelayUrl(said)
    if (url !== null) return watch(context, ports, url)
    return refuse(context, 'api/invalid', 'relay: expected http(s)://host:port of the gateway')
  }
  const current = await ports.snapshots.newest()
  if (current === null) return refuse(context, 'api/unavailable', 'no snapshot has been built yet')
  return context.json(current)
}

/** A snapshot holds the providers' credentials: it is for those who serve all projects. */
function whyMayNotServe(ports: ApiPorts, principal: Principal): Promise<string | null> {
  return whyMayNot(ports, principal, 'serve', { kind: 'Route', project: '', name: '' })
}

function watch(context: Context<Env>, ports: ApiPorts, url: string | undefined): Response {
  const caller = context.get('caller')
  return streamSSE(context, async (stream) => {
    let waiting: SignedSnapshot | null = null // only the newest counts
    let wake: () => void = () => {}
    const stop = ports.snapshots.listen((signed) => {
      waiting = signed
      wake()
    })
    const unlist = listed(context, ports, url)
    stream.onAbort(() => {
      unlist()
      stop()
      wake()
    })
    const first = await ports.snapshots.newest()
    waiting ??= first // where none was told of meanwhile
    while (!stream.aborted) {
      const { phase } = await standingOf(caller, (principal) => whyMayNotServe(ports, principal))
      if (phase === 'ended') return stream.abort()
      if (waiting !== null && phase === 'holds') {
        const data = JSON.stringify(waiting)
        waiting = null
        await stream.writeSSE({ event: 'snapshot', data })
      } else await stream.write(': keep-alive\n\n')
      if (waiting !== null && phase === 'holds') continue
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, keepAliveMs)
        wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
  })
}

/** Whoever says nothing of itself, as one who looks at it with curl, is no gateway. */
function listed(context: Context<Env>, ports: ApiPorts, url: string | undefined): () => void {
  const hello = gatewayHello.safeParse(context.req.query()).data ?? null
  if (hello === null && url === undefined) return () => {}
  return ports.gateways.add({ hello, url: url ?? null, sinceMs: ports.nowMs() })
}
