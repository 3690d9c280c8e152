// Authenticate
//
// Who is calling? A bearer secret (hashed, looked up), or a node's session. Before that: is the request
// addressed to us at all, and does it come from a page of somebody else? A browser that was lured here
// (CSRF, DNS rebinding) is turned away whatever it carries.

import { whyForeign } from '@tutti/core/governance'
import { keySpec } from '@tutti/core/routing'
import type { MiddlewareHandler } from 'hono'
import { type Principal, principalOfKey } from '../governance/index.ts'
import { findKey, sha256 } from '../store/index.ts'
import { refuse } from './answer.ts'
import type { ApiPorts, Caller, Env } from './ports.ts'

const open = new Set(['/healthz', '/api/v1/join'])

/** Refuses what is addressed to another host or comes from another origin, for every verb. */
export function checkOrigin(ports: Pick<ApiPorts, 'hosts'>): MiddlewareHandler<Env> {
  return async (context, next) => {
    const { req } = context
    const reason = whyForeign(
      { host: req.header('host'), origin: req.header('origin') },
      ports.hosts,
    )
    return reason === null ? await next() : refuse(context, 'api/foreign-origin', reason)
  }
}

/** Finds the caller, or answers 401. */
export function authenticate(ports: ApiPorts): MiddlewareHandler<Env> {
  return async (context, next) => {
    if (open.has(context.req.path)) return await next()
    const secret = /^Bearer (\S+)$/.exec(context.req.header('authorization') ?? '')?.[1]
    if (secret === undefined) {
      const message = 'expected an Authorization header: Bearer and the key'
      return refuse(context, 'api/unauthenticated', message)
    }
    const caller = await callerOf(ports, secret)
    if (caller === null) {
      const message = 'the key is not known here, has expired or was deleted'
      return refuse(context, 'api/unauthenticated', message)
    }
    context.set('caller', caller)
    return await next()
  }
}

async function callerOf(ports: ApiPorts, secret: string): Promise<Caller | null> {
  const now = () => callerOf(ports, secret)
  const node = ports.hub.nodeOf(secret)
  if (node !== null) {
    const principal: Principal = { type: 'Node', id: node, roles: [], project: '', key: '' }
    return { principal, approvalKey: undefined, now }
  }
  // The secret has 256 bits of chance and only its hash is compared, by an index: there is no timing
  // from which a secret could be learned.
  const key = await findKey(ports.sql, sha256(secret))
  const principal = key === null ? null : principalOfKey(key, ports.nowMs())
  if (key === null || principal === null) return null
  return { principal, approvalKey: keySpec.parse(key.spec).approvalKey, now }
}
