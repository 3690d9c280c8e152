// Relays
//
// `GET /api/v1/relays`: for a node that cannot be dialled, the gateways that it may dial and the grant that
// tells them who it is. The grant is worth nothing without the node's own key.

import { nodeSpec } from '@tutti/core/fleet'
import { signingPrefix } from '@tutti/core/resource'
import type { RelayClaims, RelayList } from '@tutti/core/routing'
import type { Context, Hono } from 'hono'
import { loadResource } from '../store/index.ts'
import { refuse } from './answer.ts'
import type { ApiPorts, Env } from './ports.ts'

// A node asks every ten seconds; one that was removed is gone from the snapshot at once.
const grantMs = 600_000

export function mountRelays(app: Hono<Env>, ports: ApiPorts): void {
  app.get('/api/v1/relays', (context) => relays(context, ports))
}

async function relays(context: Context<Env>, ports: ApiPorts): Promise<Response> {
  const { principal } = context.get('caller')
  if (principal.type !== 'Node') return refuse(context, 'api/forbidden', 'relays are for nodes')
  const key = { kind: 'Node', project: '', name: principal.id }
  const resource = await loadResource(ports.sql, key)
  if (resource === null) return refuse(context, 'api/not-found', `no node ${principal.id}`)
  const claims: RelayClaims = {
    ...{ format: 'tutti/relay/v1', node: principal.id },
    key: nodeSpec.parse(resource.spec).publicKey,
    expiresAtMs: ports.nowMs() + grantMs,
  }
  const text = JSON.stringify(claims)
  const signature = ports.identity.sign(signingPrefix.relay, text)
  const parts = [Buffer.from(text), Buffer.from(signature, 'base64')]
  const grant = parts.map((part) => part.toString('base64url')).join('.')
  const answer: RelayList = { urls: [...ports.gateways.urls()], grant }
  return context.json(answer)
}
