// Authenticate call
//
// Sends a request with the credentials that its endpoint asks for: basic, bearer, digest, OAuth 2 and OpenID
// Connect.

import { createHash, randomBytes } from 'node:crypto'
import type { Json } from '@tutti/core/resource'
import { standardError } from '@tutti/core/workflow'
import { z } from 'zod'
import { ActFailed } from './act.ts'
import type { Caller } from './caller.ts'
import type { OutAnswer, OutRequest } from './egress.ts'

const user = z.looseObject({ username: z.string(), password: z.string() })
const oauth = z.looseObject({
  authority: z.string(),
  grant: z.string(),
  client: z
    .looseObject({
      id: z.string().optional(),
      secret: z.string().optional(),
      assertion: z.string().optional(),
      authentication: z.string().default('client_secret_post'),
    })
    .optional(),
  request: z.looseObject({ encoding: z.string().optional() }).optional(),
  endpoints: z.looseObject({ token: z.string().optional() }).optional(),
  scopes: z.array(z.string()).optional(),
  audiences: z.array(z.string()).optional(),
  username: z.string().optional(),
  password: z.string().optional(),
})
const policies = z.union([
  z.object({ basic: user }),
  z.object({ bearer: z.looseObject({ token: z.string() }) }),
  z.object({ digest: user }),
  z.object({ oauth2: oauth }),
  z.object({ oidc: oauth }),
])
type Oauth = z.infer<typeof oauth>

export async function authenticateCall(
  request: OutRequest,
  given: Json,
  caller: Caller,
): Promise<OutAnswer> {
  if (given === null) return await caller.egress(request)
  const parsed = policies.safeParse(given)
  if (!parsed.success) throw refuse('configuration', 'the authentication lacks what its kind needs')
  const policy = parsed.data
  if ('basic' in policy) {
    const { username, password } = policy.basic
    const pair = Buffer.from(`${username}:${password}`).toString('base64')
    return await caller.egress(authorized(request, `Basic ${pair}`))
  }
  if ('bearer' in policy) {
    return await caller.egress(authorized(request, `Bearer ${policy.bearer.token}`))
  }
  if ('digest' in policy) {
    const first = await caller.egress(request)
    const challenge = first.headers['www-authenticate'] ?? ''
    if (first.status !== 401 || !/^digest /i.test(challenge)) return first
    return await caller.egress(authorized(request, answerDigest(request, challenge, policy.digest)))
  }
  const isOidc = 'oidc' in policy
  const token = await fetchToken(isOidc ? policy.oidc : policy.oauth2, isOidc, caller)
  return await caller.egress(authorized(request, `Bearer ${token}`))
}

function authorized(request: OutRequest, authorization: string): OutRequest {
  return { ...request, headers: { ...request.headers, authorization } }
}

async function fetchToken(settings: Oauth, isOidc: boolean, caller: Caller): Promise<string> {
  const { authority, endpoints, client } = settings
  const root = authority.replace(/\/$/, '')
  const url = isOidc
    ? await discover(`${root}/.well-known/openid-configuration`, caller)
    : new URL(endpoints?.token ?? '/oauth2/token', root).href
  const fields: Record<string, string> = { grant_type: settings.grant }
  const optional = {
    scope: settings.scopes?.join(' '),
    audience: settings.audiences?.join(' '),
    username: settings.username,
    password: settings.password,
  }
  for (const [name, value] of Object.entries(optional))
    if (value !== undefined) fields[name] = value
  const isBasic = client?.authentication === 'client_secret_basic'
  const pair = `${client?.id ?? ''}:${client?.secret ?? ''}`
  if (!isBasic && client?.id !== undefined) fields['client_id'] = client.id
  if (!isBasic && client?.secret !== undefined) fields['client_secret'] = client.secret
  const isJson = settings.request?.encoding === 'application/json'
  const answer = await caller.egress({
    method: 'POST',
    url,
    headers: {
      'content-type': isJson ? 'application/json' : 'application/x-www-form-urlencoded',
      accept: 'application/json',
      ...(isBasic ? { authorization: `Basic ${Buffer.from(pair).toString('base64')}` } : {}),
    },
    body: isJson ? JSON.stringify(fields) : new URLSearchParams(fields).toString(),
    signal: caller.signal,
  })
  const token = memberOf(answer, 'access_token')
  if (answer.status !== 200 || token === null) {
    throw refuse('authentication', `${url} gave no token: it answered ${answer.status}`)
  }
  return token
}

async function discover(url: string, caller: Caller): Promise<string> {
  const { signal } = caller
  const answer = await caller.egress({ method: 'GET', url, headers: {}, body: null, signal })
  const endpoint = memberOf(answer, 'token_endpoint')
  if (answer.status === 200 && endpoint !== null) return endpoint
  throw refuse('authentication', `${url} names no token endpoint: it answered ${answer.status}`)
}

function memberOf(answer: OutAnswer, name: string): string | null {
  try {
    const parsed = z.record(z.string(), z.unknown()).safeParse(JSON.parse(String(answer.body)))
    const value = parsed.success ? parsed.data[name] : null
    return typeof value === 'string' ? value : null
  } catch {
    return null
  }
}

/** RFC 7616 with MD5 or SHA-256, quality `auth`. */
function answerDigest(
  request: OutRequest,
  challenge: string,
  { username, password }: z.infer<typeof user>,
): string {
  const parts = Object.fromEntries(
    [...challenge.matchAll(/(\w+)=(?:"([^"]*)"|([^\s,]+))/g)].map((part) => [
      part[1] ?? '',
      part[2] ?? part[3] ?? '',
    ]),
  )
  const { realm = '', nonce = '', opaque, algorithm = 'MD5' } = parts
  const hash = (text: string) =>
    createHash(/^sha-256/i.test(algorithm) ? 'sha256' : 'md5')
      .update(text)
      .digest('hex')
  const { pathname, search } = new URL(request.url)
  const uri = pathname + search
  const cnonce = randomBytes(8).toString('hex')
  const count = '00000001'
  const who = hash(`${username}:${realm}:${password}`)
  const what = hash(`${request.method}:${uri}`)
  const response = hash(`${who}:${nonce}:${count}:${cnonce}:auth:${what}`)
  const quoted = { username, realm, nonce, uri, response, cnonce }
  const fields = Object.entries(quoted).map(([name, value]) => `${name}="${value}"`)
  const plain = ['qop=auth', `nc=${count}`, `algorithm=${algorithm}`]
  const more = opaque === undefined ? [] : [`opaque="${opaque}"`]
  return `Digest ${[...fields, ...more, ...plain].join(', ')}`
}

function refuse(kind: 'configuration' | 'authentication', detail: string): ActFailed {
  return new ActFailed(standardError(kind, detail))
}
