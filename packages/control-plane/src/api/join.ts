// Join
//
// Tokens that let one machine in, once, and the call that uses them. A token pins our keys, so that a node
// knows whom to trust before it has spoken to anybody.

import { randomBytes } from 'node:crypto'
import { type JoinToken, joinRequest, nodeSpec } from '@tutti/core/fleet'
import { decideVerdict } from '@tutti/core/governance'
import { findingsOf } from '@tutti/core/kinds'
import { canonicalJson, labels as labelsSchema, signingPrefix } from '@tutti/core/resource'
import { verifyText } from '@tutti/ledger'
import type { Context, Hono } from 'hono'
import { z } from 'zod'
import {
  emptyContext,
  formatPrincipal,
  type KeyReference,
  type Principal,
  presentPrincipal,
} from '../governance/index.ts'
import { jsonOf, type Query, sha256 } from '../store/index.ts'
import { refuse, refuseFindings } from './answer.ts'
import { formatDenials, whyMayNot } from './authorize.ts'
import type { ApiPorts, Env } from './ports.ts'
import { readJson } from './resources.ts'

const tokenRequest = z.strictObject({
  /** Labels that the node gets whatever it says itself. */
  labels: labelsSchema.default({}),
  expiresInMs: z
    .int()
    .min(1_000)
    .max(30 * 86_400_000)
    .default(3_600_000),
})

export function mountJoin(app: Hono<Env>, ports: ApiPorts): void {
  app.post('/api/v1/tokens', (context) => makeToken(context, ports))
  app.post('/api/v1/join', (context) => join(context, ports))
}

async function makeToken(context: Context<Env>, ports: ApiPorts): Promise<Response> {
  const { principal } = context.get('caller')
  const node = { kind: 'Node', project: '', name: '' }
  const denied = await whyMayNot(ports, principal, 'admit', node)
  if (denied !== null) return refuse(context, 'api/forbidden', denied)
  const body = await readJson(context)
  if (!body.ok) return refuse(context, 'api/invalid', body.reason)
  const parsed = tokenRequest.safeParse(body.value)
  if (!parsed.success) return refuseFindings(context, findingsOf(parsed.error, '', tokenRequest))
  const nowMs = ports.nowMs()
  const creator: KeyReference = {
    id: principal.id,
    project: principal.project,
    key: principal.key,
  }
  const token: JoinToken = {
    url: ports.publicUrl(),
    secret: randomBytes(32).toString('base64url'),
    controlPlane: ports.identity.controlPlane,
    ledger: ports.identity.log.verifier.vkey,
    expiresAtMs: nowMs + parsed.data.expiresInMs,
  }
  await ports.sql`
    insert into join_token (hash, labels, creator, created_at_ms, expires_at_ms)
    values (${sha256(token.secret)}, ${ports.sql.json(jsonOf(parsed.data.labels))},
      ${ports.sql.json(jsonOf(creator))}, ${nowMs}, ${token.expiresAtMs})`
  const text = Buffer.from(canonicalJson(token)).toString('base64url')
  return context.json({ token: `tutti-join-${text}`, expiresAtMs: token.expiresAtMs }, 201)
}

async function join(context: Context<Env>, ports: ApiPorts): Promise<Response> {
  const body = await readJson(context)
  if (!body.ok) return refuse(context, 'api/invalid', body.reason)
  const parsed = joinRequest.safeParse(body.value)
  if (!parsed.success) return refuseFindings(context, findingsOf(parsed.error, '', joinRequest))
  const { token, name, publicKey, signature, labels } = parsed.data
  if (!verifyText(publicKey, signingPrefix.hello, { text: token, signature })) {
    return refuse(context, 'api/token-refused', 'the request is not signed by the key it names')
  }
  const admitted = await usableToken(ports, token)
  if (!admitted.ok) return refuse(context, 'api/token-refused', admitted.reason)
  const spec = nodeSpec.parse({ publicKey, labels: { ...labels, ...admitted.labels } })
  const engine = await ports.policies()
  const asked = {
    ...{ principal: admitted.creator, action: 'join' },
    resource: { kind: 'Node', project: '', name, labels: spec.labels },
  }
  const verdict = decideVerdict(engine.answer({ ...asked, context: emptyContext }))
  if (verdict.kind !== 'allow') {
    return refuse(context, 'api/denied', formatDenials(verdict.denials, asked))
  }
  const use = async (tx: Query) => {
    const used = await tx`
      update join_token set used_by = ${name}
      where hash = ${admitted.hash} and used_by is null returning hash`
    if (used.length === 0) throw new TokenUsed() // two at once: the second rolls back
  }
  try {
    const done = await ports.admission.changes.commit(
      {
        key: { kind: 'Node', project: '', name },
        baseGeneration: 0,
        labels: spec.labels,
        annotations: {},
        spec,
      },
      {
        atMs: ports.nowMs(),
        principal: formatPrincipal(admitted.creator),
        action: 'join',
        digest: sha256(canonicalJson(spec)),
        policies: [...verdict.policies],
        policySet: engine.digest,
        approvals: [],
        summary: `node ${name} joins with ${publicKey}`,
      },
      use,
    )
    if (!done.ok) {
      const hint = 'join under another name, or delete that one first'
      const message = `there is a node ${name} already: ${hint}`
      return refuse(context, 'api/conflict', message)
    }
    ports.registry.declare({ id: name, labels: spec.labels, cordoned: false }, null)
    return context.json({ node: name, labels: spec.labels }, 201)
  } catch (error) {
    if (error instanceof TokenUsed) return refuse(context, 'api/token-refused', tokenIsUsed)
    throw error
  }
}

class TokenUsed extends Error {}
const tokenIsUsed = 'the token was used already: a token lets in one machine, make another one'

type TokenAnswer =
  | {
      readonly ok: true
      readonly hash: string
      readonly labels: Record<string, string>
      /** Who made the token, with the rights of now. */
      readonly creator: Principal
    }
  | { readonly ok: false; readonly reason: string }

async function usableToken(ports: ApiPorts, token: string): Promise<TokenAnswer> {
  const secret = secretOf(token)
  if (secret === null) return { ok: false, reason: 'this is not a join token (tutti-join-…)' }
  const hash = sha256(secret)
  const [row] = await ports.sql<
    {
      labels: Record<string, string>
      creator: KeyReference
      expires_at_ms: number
      used_by: string | null
    }[]
  >`select labels, creator, expires_at_ms, used_by from join_token where hash = ${hash}`
  if (row === undefined) {
    return {
      ok: false,
      reason: 'the token is not of this control plane: make one with tutti token',
    }
  }
  if (row.used_by !== null) return { ok: false, reason: tokenIsUsed }
  if (row.expires_at_ms <= ports.nowMs()) {
    const when = new Date(row.expires_at_ms).toISOString()
    return { ok: false, reason: `the token expired at ${when}: make another one with tutti token` }
  }
  const creator = await presentPrincipal(ports.sql, row.creator, ports.nowMs())
  if (creator === null) {
    const reason = `the key that ${row.creator.id} made the token with has ended: get another`
    return { ok: false, reason }
  }
  return { ok: true, hash, labels: row.labels, creator }
}

function secretOf(token: string): string | null {
  const text = /^tutti-join-([\w-]+)$/.exec(token)?.[1]
  if (text === undefined) return null
  try {
    const parsed: unknown = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'))
    const secret =
      typeof parsed === 'object' && parsed !== null && 'secret' in parsed ? parsed.secret : null
    return typeof secret === 'string' ? secret : null
  } catch {
    return null // not base64url JSON: not a token
  }
}
