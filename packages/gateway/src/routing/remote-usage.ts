// Remote usage
//
// Asks what requests used where this gateway tells it: of the control plane, or of the process that stands in for it. It
// judges who may know, so it is asked with the caller's own key.

import { request } from 'undici'

export interface UsageAsking {
  /** As it came, without its question mark. */
  readonly query: string
  readonly secret: string
}

export interface UsageSaid {
  readonly status: number
  readonly text: string
}

export type AskUsage = (asking: UsageAsking) => Promise<UsageSaid>

const answerMsMax = 30_000 // a year of hours is read for it

/** Throws where nobody answers. */
export function remoteUsage({ url }: { readonly url: string }): AskUsage {
  return async ({ query, secret }) => {
    const { statusCode, body } = await request(`${url}/api/v1/usage?${query}`, {
      headers: { authorization: `Bearer ${secret}` },
      ...{ headersTimeout: answerMsMax, bodyTimeout: answerMsMax },
    })
    return { status: statusCode, text: await body.text() }
  }
}
