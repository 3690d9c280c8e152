// Stored responses
//
// `/api/v1/stored-responses`: what gateways keep for those who call them. Only gateways may: they know whose is what.

import { exactJsonOf } from '@tutti/core/resource'
import { type StoredResponse, storedResponse, storedText } from '@tutti/core/routing'
import type { Context, Hono } from 'hono'
import { refuse } from './answer.ts'
import { whyMayNot } from './authorize.ts'
import type { ApiPorts, Env } from './ports.ts'

const one = '/api/v1/stored-responses/:project/:id'

export function mountStoredResponses(app: Hono<Env>, ports: ApiPorts): void {
  const { storedResponses: store } = ports
  app.put(one, async (context) => {
    const denied = await whyNoGateway(context, ports)
    if (denied !== null) return denied
    const stored = await storedIn(context)
    if (typeof stored === 'string') return refuse(context, 'api/invalid', stored)
    await store.save(stored)
    return context.body(null, 204)
  })
  app.get(one, async (context) => {
    const denied = await whyNoGateway(context, ports)
    if (denied !== null) return denied
    const found = await store.load(context.req.param())
    if (found === null) return refuse(context, 'api/not-found', 'there is no such response')
    return context.body(storedText(found), 200, { 'content-type': 'application/json' })
  })
  app.delete(one, async (context) => {
    const denied = await whyNoGateway(context, ports)
    if (denied !== null) return denied
    const wasThere = await store.delete(context.req.param())
    return wasThere
      ? context.body(null, 204)
      : refuse(context, 'api/not-found', 'there is no such response')
  })
}

async function whyNoGateway(context: Context<Env>, ports: ApiPorts): Promise<Response | null> {
  // Whoever serves all projects keeps for all of them.
  const allRoutes = { kind: 'Route', project: '', name: '' }
  const denied = await whyMayNot(ports, context.get('caller').principal, 'serve', allRoutes)
  return denied === null ? null : refuse(context, 'api/forbidden', denied)
}

/** What is to be kept, or what is wrong with it. */
async function storedIn(context: Context<Env>): Promise<StoredResponse | string> {
  const parsed = storedResponse.safeParse(exactJsonOf(await context.req.text()))
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    return `${issue?.path.join('.')}: ${issue?.message}`
  }
  const { project, id } = context.req.param()
  const isNamed = parsed.data.project === project && parsed.data.id === id
  return isNamed ? parsed.data : 'expected the project and the id of the path'
}
