// Answer usage question
//
// `GET /api/v1/usage`: what requests used and cost, by whom; asked, in the caller's name, of whoever this gateway tells
// it to, so that a control plane and a gateway alone are asked alike.

import { refuse } from './answer.ts'
import { secretOf } from './authenticate.ts'
import type { Exchange, FacePorts } from './exchange.ts'

export const usagePath = '/api/v1/usage'

export async function answerUsageQuestion(
  { askUsage }: FacePorts,
  { request, reply, dialect }: Exchange,
): Promise<void> {
  const query = request.url.split('?')[1] ?? ''
  const gone = new AbortController()
  reply.onGone(() => gone.abort())
  const said = await askUsage({ query, secret: secretOf(request) ?? '', signal: gone.signal })
  if (reply.isGone) return
  if (said === null) {
    const message = 'what requests used cannot be told now'
    return refuse(reply, dialect, { status: 503, code: 'usage_away', message, retryAfterS: 1 })
  }
  reply.header('content-type', 'application/json')
  reply.send(said.status, Buffer.from(said.text))
}
