// Bedrock
//
// How Amazon Bedrock is asked: a path for each model, and either a Bedrock API key or credentials of AWS, which sign
// each request for the moment at which it is sent.

import { awsCredentialsOf, signAws } from '../governance/index.ts'
import type { Outbound, ProviderEntry } from '../routing/index.ts'

export function bedrockPath(model: string, stream: boolean): string {
  return `/model/${encodeURIComponent(model)}/${stream ? 'converse-stream' : 'converse'}`
}

/** What every request has; credentials of AWS are never sent. */
export function bedrockHeaders(apiKey: string | undefined): Record<string, string> {
  const json = { 'content-type': 'application/json' }
  if (apiKey === undefined || awsCredentialsOf(apiKey) !== null) return json
  return { ...json, authorization: `Bearer ${apiKey}` }
}

/** Nothing where a Bedrock API key says who asks. */
export function signing(provider: ProviderEntry, body: Buffer): Pick<Outbound, 'sign'> {
  const credentials = provider.apiKey === undefined ? null : awsCredentialsOf(provider.apiKey)
  if (credentials === null) return {}
  const scope = { region: regionOf(provider), service: 'bedrock' }
  const headers = bedrockHeaders(provider.apiKey)
  return {
    sign: ({ host, path }) => {
      const request = { method: 'POST', host, path, query: '', headers, body }
      return signAws(request, credentials, { ...scope, nowMs: Date.now() })
    },
  }
}

/** The Provider's own, or the one that its host names. */
function regionOf({ region, baseUrl }: ProviderEntry): string {
  const [, named] = /bedrock-runtime(?:-fips)?\.([a-z0-9-]+)\./.exec(baseUrl) ?? []
  return region ?? named ?? 'us-east-1'
}
