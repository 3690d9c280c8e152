// Remote responses
//
// Responses that are kept where this gateway's configuration comes from: the control plane, or the process that
// stands in for it.

import {
  type ResponseKey,
  type ResponseStore,
  type StoredResponse,
  storedOf,
  storedText,
} from '@tutti/core/routing'
import { type Dispatcher, request } from '@tutti/machine/http-client'

export interface RemoteOptions {
  readonly url: string
  readonly key: string
}

const answerMsMax = 5_000 // a caller waits for it

/** Throws where the control plane is away. */
export function remoteResponses({ url, key }: RemoteOptions): ResponseStore {
  const send = async (method: Dispatcher.HttpMethod, of: ResponseKey, body: string | null) => {
    const path = [of.project, of.id].map(encodeURIComponent).join('/')
    const answer = await request(`${url}/api/v1/stored-responses/${path}`, {
      method,
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body,
      signal: AbortSignal.timeout(answerMsMax), // of it all: also of a machine that is off
    })
    return { status: answer.statusCode, text: await answer.body.text() }
  }
  const unexpected = ({ status, text }: { readonly status: number; readonly text: string }) =>
    new Error(`the control plane answered ${status}: ${text.slice(0, 200)}`)
  return {
    save: async (stored: StoredResponse) => {
      const answer = await send('PUT', stored, storedText(stored))
      if (answer.status !== 204) throw unexpected(answer)
    },
    load: async (of) => {
      const answer = await send('GET', of, null)
      if (answer.status === 404) return null
      if (answer.status !== 200) throw unexpected(answer)
      return storedOf(answer.text)
    },
    delete: async (of) => {
      const answer = await send('DELETE', of, null)
      if (answer.status !== 204 && answer.status !== 404) throw unexpected(answer)
      return answer.status === 204
    },
  }
}
