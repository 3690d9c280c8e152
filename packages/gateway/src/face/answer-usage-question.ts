// Answer usage question
//
// `GET /api/v1/usage`: what requests used and cost, by whom; asked, in the caller's name, of whoever this gateway tells
// it to, so that a control plane and a gateway alone are asked alike.

import { messageOf } from '../failure.ts'
import type { UsageSaid } from '../routing/index.ts'
import { refuse } from './answer.ts'
import { secretOf } from './authenticate.ts'
import type { Exchange, FacePorts } from './exchange.ts'

export const usagePath = '/api/v1/usage'

export async function answerUsageQuestion(
  { askUsage }: FacePorts,
  { request, reply, dialect }: Exchange,
): Promise<void> {
  const query = request.url.split('?')[1] ?? ''
  const said = await askUsage({ query, secret: secretOf(request) ?? '' }).catch(
    (error: unknown): UsageSaid => ({ status: 503, text: messageOf(error) }),
  )
  if (said.status < 500) {
    reply.header('content-type', 'application/json')
    return reply.send(said.status, Buffer.from(said.text))
  }
  const message = `what requests used cannot be told now: ${said.text.slice(0, 500)}`
  refuse(reply, dialect, { status: 503, code: 'usage_away', message, retryAfterS: 1 })
}
