// Sign AWS
//
// Signs a request to an AWS service with Signature Version 4: the canonical form of the request is hashed, and the
// hash signed by a key that is good for one day, region and service. Written after AWS's specification ("Create a
// signed AWS API request"); tested with the vectors that AWS published.

import { createHash, createHmac } from 'node:crypto'

export interface AwsCredentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken?: string
}

export interface AwsScope {
  readonly region: string
  readonly service: string
}

export interface AwsRequest {
  readonly method: string
  readonly host: string
  /** As it is sent, without the query. */
  readonly path: string
  /** As it is sent, already in order; empty where there is none. */
  readonly query: string
  /** Besides the host and what is added here; names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer | null
}

/** The headers to add: all that are there are signed. */
export function signAws(
  request: AwsRequest,
  credentials: AwsCredentials,
  { region, service, nowMs }: AwsScope & { readonly nowMs: number },
): Record<string, string> {
  const time = new Date(nowMs).toISOString().replaceAll(/[-:]|\.\d{3}/g, '')
  const day = time.slice(0, 8)
  const { accessKeyId, secretAccessKey, sessionToken } = credentials
  const added = {
    'x-amz-date': time,
    ...(sessionToken === undefined ? {} : { 'x-amz-security-token': sessionToken }),
  }
  const all: Record<string, string> = { host: request.host, ...request.headers, ...added }
  const names = Object.keys(all).sort()
  const signedHeaders = names.join(';')
  const canonical = [
    request.method,
    request.path.split('/').map(encode).join('/'),
    request.query,
    ...names.map((name) => `${name}:${(all[name] ?? '').trim().replaceAll(/ +/g, ' ')}`),
    '',
    signedHeaders,
    sha256(request.body ?? ''),
  ].join('\n')
  const scope = `${day}/${region}/${service}/aws4_request`
  const toSign = ['AWS4-HMAC-SHA256', time, scope, sha256(canonical)].join('\n')
  const parts = [day, region, service, 'aws4_request']
  const signingKey = parts.reduce<Buffer>(hmac, Buffer.from(`AWS4${secretAccessKey}`))
  const signature = hmac(signingKey, toSign).toString('hex')
  const credential = `Credential=${accessKeyId}/${scope}`
  const signed = `SignedHeaders=${signedHeaders}, Signature=${signature}`
  return { ...added, authorization: `AWS4-HMAC-SHA256 ${credential}, ${signed}` }
}

/**
 * What a Secret holds: `<access key id>:<secret access key>`, with `:<session token>` for those of
 * a role; null for anything else, which is taken for a Bedrock API key.
 */
export function awsCredentialsOf(secret: string): AwsCredentials | null {
  const [, accessKeyId, secretAccessKey, sessionToken] =
    /^(A[A-Z0-9]{15,127}):([A-Za-z0-9/+=]+)(?::(\S+))?$/.exec(secret) ?? []
  if (accessKeyId === undefined || secretAccessKey === undefined) return null
  return {
    ...{ accessKeyId, secretAccessKey },
    ...(sessionToken === undefined ? {} : { sessionToken }),
  }
}

/** All but the unreserved characters of RFC 3986: what is encoded already is encoded again. */
function encode(segment: string): string {
  const rest = /[!'()*]/g
  return encodeURIComponent(segment).replaceAll(rest, (character) => {
    return `%${character.charCodeAt(0).toString(16).toUpperCase()}`
  })
}

function sha256(data: string | Buffer): string {
  return createHash('sha256').update(data).digest('hex')
}

function hmac(key: Buffer, data: string): Buffer {
  return createHmac('sha256', key).update(data).digest()
}
