// Sources
//
// Where a node gets the next bytes of a file: from the origin, which is this control plane, or from a
// neighbour on its site, with a grant that names both, the file and an end. Only nodes ask, and only for
// files that are assigned to them.

import {
  nodeSpec,
  type PeerClaims,
  type SourceChoice,
  type SourceOrder,
  sourceAsk,
} from '@tutti/core/fleet'
import { digest as digestSchema, signingPrefix } from '@tutti/core/resource'
import type { Context, Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { loadResource } from '../store/index.ts'
import { refuse } from './answer.ts'
import type { ApiPorts, Env } from './ports.ts'
import { readJson } from './resources.ts'

const askBytesMax = 16_384
// Long enough for eight of the greatest pieces over a slow radio link, short enough to outlive no dismissal.
const grantMs = 600_000

export function mountSources(app: Hono<Env>, ports: ApiPorts): void {
  app.get('/api/v1/blobs/:digest/pieces', (context) => pieces(context, ports))
  const limit = bodyLimit({
    maxSize: askBytesMax,
    onError: (context) =>
      refuse(context, 'api/too-large', `an ask may have ${askBytesMax} bytes at most`),
  })
  app.post('/api/v1/blobs/:digest/source', limit, (context) => source(context, ports))
}

/** The file asked for and the node that asks, or the refusal. */
async function assignedFile(context: Context<Env>, ports: ApiPorts) {
  const { principal } = context.get('caller')
  const { data: digest } = digestSchema.safeParse(context.req.param('digest'))
  if (principal.type !== 'Node') {
    return { refusal: refuse(context, 'api/forbidden', 'nodes ask where files come from') }
  }
  if (digest === undefined) {
    return { refusal: refuse(context, 'api/invalid', 'expected sha256: and 64 hex digits') }
  }
  const node = ports.registry.get(principal.id)
  const sizeBytes = node === undefined ? null : await ports.sharing.files.sizeFor(node, digest)
  if (sizeBytes === null) {
    const message = `no assignment gives ${principal.id} a file ${digest}`
    return { refusal: refuse(context, 'api/forbidden', message) }
  }
  return { node: principal.id, file: { digest, sizeBytes } }
}

async function pieces(context: Context<Env>, ports: ApiPorts): Promise<Response> {
  const asked = await assignedFile(context, ports)
  if (asked.refusal !== undefined) return asked.refusal
  const list = await ports.sharing.pieces(asked.file.digest)
  if (list === null)
    return refuse(context, 'api/not-found', `there is no blob ${asked.file.digest}`)
  return context.json(list)
}

async function source(context: Context<Env>, ports: ApiPorts): Promise<Response> {
  const asked = await assignedFile(context, ports)
  if (asked.refusal !== undefined) return asked.refusal
  const document = await readJson(context)
  if (!document.ok) return refuse(context, 'api/invalid', document.reason)
  const parsed = sourceAsk.safeParse(document.value)
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    return refuse(context, 'api/invalid', `${issue?.path.join('.')}: ${issue?.message}`)
  }
  const { node, file } = asked
  const { haveBytes, keep } = parsed.data
  const choice = await ports.sharing.swarms.ask({
    ...{ node, file, ask: parsed.data },
    signal: context.req.raw.signal,
  })
  if (keep || haveBytes >= file.sizeBytes) return context.json({ kind: 'nothing' })
  return context.json(await orderOf(ports, { node, digest: file.digest, choice }))
}

async function orderOf(
  ports: ApiPorts,
  of: { readonly node: string; readonly digest: string; readonly choice: SourceChoice },
): Promise<SourceOrder> {
  const { node: to, digest, choice } = of
  if (choice.kind === 'wait') return { kind: 'wait', afterMs: 0 }
  if (choice.kind === 'origin') return choice
  const receiver = await loadResource(ports.sql, { kind: 'Node', project: '', name: to })
  const url = ports.registry.get(choice.node)?.facts?.endpoint
  if (receiver === null || url === undefined) return { kind: 'wait', afterMs: 1_000 } // just left
  const key = nodeSpec.parse(receiver.spec).publicKey
  const expiresAtMs = ports.nowMs() + grantMs
  const claims: PeerClaims = {
    ...{ format: 'tutti/peer/v1', digest, from: choice.node, to, key, expiresAtMs },
  }
  const text = JSON.stringify(claims)
  const signature = ports.identity.sign(signingPrefix.peer, text)
  const parts = [Buffer.from(text), Buffer.from(signature, 'base64')]
  return { ...choice, url, grant: parts.map((part) => part.toString('base64url')).join('.') }
}
