// Remote usage
//
// Asks what requests used where this gateway tells it: of the control plane, or of the process that stands in for it. It
// judges who may know, so it is asked with the caller's own key.

import { request } from '@tutti/machine/http-client'
import { complaining } from '../complaining.ts'

export interface UsageAsking {
  /** As it came, without its question mark. */
  readonly query: string
  readonly secret: string
  /** Aborted when the caller is gone. */
  readonly signal: AbortSignal
}

export interface UsageSaid {
  readonly status: number
  readonly text: string
}

/** Null where nobody can say; the log has the reason, which is not for callers. */
export type AskUsage = (asking: UsageAsking) => Promise<UsageSaid | null>

type Log = (event: string, fields: Readonly<Record<string, unknown>>) => void

const answerMsMax = 30_000 // a year of hours is read for it
const reasonMax = 500

export function remoteUsage({ url }: { readonly url: string }, log: Log): AskUsage {
  const ask = complaining(
    async ({ query, secret, signal }: UsageAsking): Promise<UsageSaid> => {
      const { statusCode: status, body } = await request(`${url}/api/v1/usage?${query}`, {
        headers: { authorization: `Bearer ${secret}` },
        ...{ headersTimeout: answerMsMax, bodyTimeout: answerMsMax, signal },
      })
      const text = await body.text()
      if (status >= 500) throw new Error(`${status}: ${text.slice(0, reasonMax)}`)
      return { status, text }
    },
    (reason, { signal }) => signal.aborted || log('usage cannot be told', { reason }),
  )
  return (asking) => ask(asking).catch(() => null)
}
