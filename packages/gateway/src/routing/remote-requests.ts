// Remote requests
//
// Tells the control plane what is kept of requests.

import type { KeptRequest } from '@tutti/core/routing'
import { request } from '@tutti/machine/http-client'
import type { RemoteOptions } from './remote-responses.ts'

const answerMsMax = 10_000 // a report of some megabytes; nobody waits for it

/** False where the control plane will not have it; throws where it is away. */
export async function sendKeptRequests(
  { url, key }: RemoteOptions,
  requests: readonly KeptRequest[],
  signal: AbortSignal,
): Promise<boolean> {
  const { statusCode, body } = await request(`${url}/api/v1/requests`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ requests }),
    ...{ headersTimeout: answerMsMax, bodyTimeout: answerMsMax, signal },
  })
  const text = await body.text()
  if (statusCode === 204) return true
  if (statusCode < 500 && statusCode !== 429) return false
  throw new Error(`${statusCode} ${text.slice(0, 200)}`)
}
