// Feedback
//
// The true label of an answered request, posted by the caller, goes to the node that answered: it knows what
// it predicted, and counts.

import { jsonOf } from '@tutti/core/dialect'
import { Agent, request as send } from '@tutti/machine/http-client'
import { beginningOf } from '../beginning-of.ts'
import { messageOf } from '../failure.ts'
import { refuse, sendJson } from './answer.ts'
import type { Exchange, FacePorts } from './exchange.ts'
import { askOthers } from './other-workers.ts'

const timeoutMs = 5_000
const direct = new Agent() // nodes are asked through no proxy

export async function answerFeedback(
  ports: Pick<FacePorts, 'recent' | 'others' | 'log'>,
  exchange: Exchange,
  body: Buffer,
): Promise<void> {
  const { reply, key, directory } = exchange
  const parsed = parseFeedback(body)
  if (parsed === null) {
    const message =
      'expected {"request_id": "…", "label": "…"}, and "item" where it is not the first'
    return refuse(reply, 'openai', { status: 400, code: 'invalid_body', message })
  }
  const answered = ports.recent.find(parsed.request_id)
  if (answered === undefined || answered.project !== key.project) {
    const record = ports.log.find(key.project, parsed.request_id)
    if (record !== null) {
      const by = record.targets.join(', ') || 'nobody'
      const why = 'nodes alone compare labels with what they predicted'
      const message = `${record.id} was answered by ${by}: ${why}`
      return refuse(reply, 'openai', { status: 400, code: 'feedback_unsupported', message })
    }
    const answers = await askOthers(ports.others, exchange, body)
    const theirs = answers.find(({ status }) => status !== 404)
    if (theirs !== undefined) return sendJson(reply, theirs.status, jsonOf(theirs.text))
    const message = `no request ${parsed.request_id.slice(0, 128)} was answered here lately`
    return refuse(reply, 'openai', { status: 404, code: 'request_not_found', message })
  }
  try {
    const answer = await send(`${answered.url}/v2/feedback`, {
      dispatcher: direct,
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        authorization: `Bearer ${directory.servingToken}`,
      },
      body: JSON.stringify(parsed),
      signal: AbortSignal.timeout(timeoutMs), // of it all: also of a node that drips
    })
    const text = await beginningOf(answer.body)
    if (answer.statusCode < 300) return sendJson(reply, 200, { accepted: true })
    const message = `the node answered ${answer.statusCode}: ${text.slice(0, 200)}`
    refuse(reply, 'openai', { status: answer.statusCode, code: 'feedback_refused', message })
  } catch (error) {
    const message = `the node that answered cannot be reached: ${messageOf(error)}`
    refuse(reply, 'openai', { status: 502, code: 'node_unreachable', message })
  }
}

interface Feedback {
  readonly request_id: string
  readonly label: string
  /** Which item of a request of several, from 0. */
  readonly item?: number
}

function parseFeedback(body: Buffer): Feedback | null {
  try {
    const parsed: unknown = JSON.parse(body.toString('utf8'))
    if (typeof parsed !== 'object' || parsed === null) return null
    const id = 'request_id' in parsed ? parsed.request_id : null
    const label = 'label' in parsed ? parsed.label : null
    const item = 'item' in parsed ? parsed.item : 0
    if (typeof id !== 'string' || typeof label !== 'string') return null
    if (typeof item !== 'number' || !Number.isSafeInteger(item) || item < 0) return null
    return { request_id: id, label, ...(item === 0 ? {} : { item }) }
  } catch {
    return null // the caller says what was expected
  }
}
