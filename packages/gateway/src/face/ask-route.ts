// Ask route
//
// Asks another Route on behalf of a call: its classifier, its embeddings. A call like any other: routed, metered, charged
// to whom it is made for, and kept from whom the policies keep that key.

import type { CallTrace, Candidate, Presence, RouteEntry, Saying } from '../routing/index.ts'
import { askerOf } from './asker-of.ts'
import type { Exchange, FacePorts } from './exchange.ts'
import type { Tally } from './tally.ts'

export interface SideCall {
  readonly route: RouteEntry
  readonly presence: Presence
  readonly tally: Tally
  /** What is asked of it. */
  readonly saying: Saying
  readonly trace: CallTrace | null
}

/** A whole answer. */
export interface SideAnswer {
  readonly body: Buffer
  readonly giver: Candidate
}

/** Null where nobody gave one. */
export async function askRoute(
  ports: Pick<FacePorts, 'router'>,
  exchange: Exchange,
  { route, presence, tally, saying, trace }: SideCall,
): Promise<SideAnswer | null> {
  const { key, directory, requestId } = exchange
  const { bounds } = saying
  const asker = () => askerOf(exchange, { name: route.name, mayStream: false, chat: null })
  const pursuit = ports.router.pursue({
    ...saying,
    project: key.project,
    route,
    requestId,
    presence,
    mayStream: false,
    trace,
    dialect: 'openai',
    promptBytes: null,
    selection: ports.router.select(directory, route, { key, asker, bounds }),
    budgets: directory.budgets(key, route),
    onCharge: (charge) => tally.addBeside(charge, route.name),
  })
  const answer = await pursuit.next()
  if (answer.kind !== 'answered' || answer.outcome.kind !== 'whole') return null
  return { body: answer.outcome.body, giver: answer.candidate }
}
