// Guard request
//
// Has the request of a guarded route looked through before anybody is asked: what is asked from here on is the body
// that the guard let pass. Only texts can be looked through: calls with tensors are refused on such a route.

import { isEmbeddingPath } from '@tutti/core/dialect'
import type { GuardSpec } from '@tutti/core/governance'
import type { CallTrace, Presence, RouteEntry } from '../routing/index.ts'
import { refuse } from './answer.ts'
import { askRoute } from './ask-route.ts'
import { type Asked, askedOfChat } from './asked.ts'
import { CallGuard } from './call-guard.ts'
import { isCount, parseChatAsked } from './chat-body.ts'
import { type Judgement, judgementsOf, piecesOf, toClassifier } from './classify.ts'
import { type Denial, denied } from './denial.ts'
import type { Exchange, FacePorts } from './exchange.ts'
import type { Tally } from './tally.ts'

/** On whose behalf a guard asks. */
export interface Guarding {
  readonly route: RouteEntry
  readonly presence: Presence
  readonly tally: Tally
  readonly trace: CallTrace | null
}

export async function guardRequest(
  ports: FacePorts,
  exchange: Exchange,
  of: Guarding & { readonly asked: Asked },
): Promise<{ readonly guard: CallGuard | null; readonly asked: Asked | Denial }> {
  const { asked, route } = of
  if (route.guard === undefined) return { guard: null, asked }
  const guard = openGuard(ports, exchange, { ...of, guard: route.guard })
  const { chat } = asked
  if (chat === null) {
    const message = `the guard of ${route.name} looks at texts: tensors cannot be sent to it`
    return { guard, asked: denied(message) }
  }
  const body = await guard.inspectRequest(chat.body)
  if ('kind' in body) return { guard, asked: body }
  if (body === chat.body) return { guard, asked }
  const passed = parseChatAsked(chat.dialect, exchange.request.url, body)
  if (typeof passed === 'string') return { guard, asked: denied(passed) }
  const { beta } = chat
  return { guard, asked: askedOfChat(beta === undefined ? passed : { ...passed, beta }) }
}

/** The guard of one call: of a chat, or of a tool. */
export function openGuard(
  ports: FacePorts,
  exchange: Exchange,
  of: Guarding & { readonly guard: GuardSpec },
): CallGuard {
  const { key, directory } = exchange
  return new CallGuard(of.guard, {
    scanner: ports.scanner,
    plan: (side) => directory.guardPlan(key, of.route, side),
    classify: (texts, name) => classify(ports, exchange, { ...of, texts, name }),
  })
}

export function refuseDenied({ reply, dialect }: Exchange, { message }: Denial): number {
  refuse(reply, dialect, { status: 403, code: 'guardrail_denied', message })
  return 403
}

/** True where the answer says something: numbers are for machines. */
export function hasWords({ chat }: Pick<Asked, 'chat'>): boolean {
  return chat !== null && !isEmbeddingPath(chat.path) && !isCount(chat)
}

/** Null where nobody judged. */
async function classify(
  ports: FacePorts,
  exchange: Exchange,
  of: Guarding & { readonly texts: readonly string[]; readonly name: string },
): Promise<readonly Judgement[] | null> {
  const { key, directory } = exchange
  const route = directory.route(key.project, of.name)
  const pieces = piecesOf(of.texts)
  if (route === undefined || pieces === null) return null
  if (pieces.length === 0) return []
  const said = await askRoute(ports, exchange, { ...of, route, saying: toClassifier(pieces) })
  return said === null ? null : judgementsOf(said.body, pieces.length)
}
