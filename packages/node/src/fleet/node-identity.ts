// Node identity
//
// The node's own key, made before it joins, and whom it trusts from then on: the control plane's key and the
// ledger's, both pinned by the join token. The token is used once; the identity stays for life.

import { createPrivateKey, type KeyObject, randomBytes } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type JoinRequest, type JoinToken, joinToken } from '@tutti/core/fleet'
import { signingPrefix } from '@tutti/core/resource'
import { didKeyOf, newPrivateKey, signText } from '@tutti/ledger'
import { request } from '@tutti/machine/http-client'
import { z } from 'zod'
import { Failure, messageOf } from '../failure.ts'
import { keepState } from './node-state.ts'

const nodeIdentity = z.strictObject({
  name: z.string(),
  privateKey: z.string(),
  url: z.string(),
  controlPlane: z.string(),
  ledger: z.string(),
  /** Bearer key for callers on this machine's own site. */
  localKey: z.string(),
})
export type NodeIdentity = z.infer<typeof nodeIdentity>

/** The identity in `folder`, or null where this machine has not joined yet. */
export function loadNodeIdentity(folder: string): NodeIdentity | null {
  const path = join(folder, 'identity.json')
  if (!existsSync(path)) return null
  try {
    return nodeIdentity.parse(JSON.parse(readFileSync(path, 'utf8')))
  } catch (cause) {
    const hint = 'restore it, or join anew under another name'
    const message = `cannot read ${path}: ${messageOf(cause)}; ${hint}`
    throw new Failure('node/state-unreadable', message, { cause })
  }
}

export function keyOf(identity: NodeIdentity): KeyObject {
  return createPrivateKey(identity.privateKey)
}

export interface JoinOptions {
  readonly folder: string
  readonly name: string
  readonly token: string
  /** Where to join; the token's own URL where absent. */
  readonly url?: string | undefined
  readonly labels: Readonly<Record<string, string>>
}

/** Joins a control plane with a token and keeps the identity. Throws `node/join-refused`. */
export async function joinControlPlane(options: JoinOptions): Promise<NodeIdentity> {
  const token = parseJoinToken(options.token)
  if (token.expiresAtMs <= Date.now()) {
    const when = new Date(token.expiresAtMs).toISOString()
    const clock = `by the clock of this machine it is ${new Date().toISOString()}`
    const hint = `make another with tutti token (${clock})`
    throw new Failure('node/join-refused', `the token expired at ${when}: ${hint}`)
  }
  const key = newPrivateKey()
  const url = (options.url ?? token.url).replace(/\/$/, '')
  const body: JoinRequest = {
    token: options.token,
    name: options.name,
    publicKey: didKeyOf(key),
    signature: signText(key, signingPrefix.hello, options.token),
    labels: { ...options.labels },
  }
  await postJoin(url, body)
  const identity: NodeIdentity = {
    name: options.name,
    privateKey: key.export({ type: 'pkcs8', format: 'pem' }).toString(),
    url,
    controlPlane: token.controlPlane,
    ledger: token.ledger,
    localKey: `tutti_local_${randomBytes(32).toString('base64url')}`,
  }
  keepState(join(options.folder, 'identity.json'), `${JSON.stringify(identity, null, 2)}\n`)
  return identity
}

async function postJoin(url: string, body: JoinRequest): Promise<void> {
  const answer = await request(`${url}/api/v1/join`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    headersTimeout: 15_000,
  }).catch((cause: unknown) => {
    const hint = 'is it up, and the URL right?'
    const message = `no control plane answers at ${url}: ${messageOf(cause)}; ${hint}`
    throw new Failure('node/join-refused', message, { cause })
  })
  const text = await answer.body.text()
  if (answer.statusCode === 201) return
  throw new Failure('node/join-refused', `the control plane refused: ${errorOf(text)}`)
}

/** The token's contents. Throws `node/join-refused`. */
export function parseJoinToken(text: string): JoinToken {
  const encoded = /^tutti-join-([\w-]+)$/.exec(text.trim())?.[1] ?? ''
  try {
    return joinToken.parse(JSON.parse(Buffer.from(encoded, 'base64url').toString('utf8')))
  } catch (cause) {
    const message = 'expected a join token (tutti-join-…) as tutti token prints it'
    throw new Failure('node/join-refused', message, { cause })
  }
}

function errorOf(text: string): string {
  try {
    const parsed = z
      .object({ error: z.object({ message: z.string() }) })
      .safeParse(JSON.parse(text))
    return parsed.success ? parsed.data.error.message : text.slice(0, 200)
  } catch {
    return text.slice(0, 200) // not ours: shown as it came
  }
}
