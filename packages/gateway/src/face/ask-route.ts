// Ask route
//
// Asks another Route on behalf of a call: its classifier, its embeddings. A call like any other: routed, metered, charged
// to whom it is made for.

import type { Call, Presence, RouteEntry } from '../routing/index.ts'
import type { Exchange, FacePorts } from './exchange.ts'
import type { Tally } from './tally.ts'

export interface SideCall {
  readonly route: RouteEntry
  readonly presence: Presence
  readonly tally: Tally
  readonly saying: Pick<
    Call,
    'toNode' | 'toProvider' | 'mayStream' | 'bounds' | 'promptBytes' | 'selection'
  >
}

/** The body of its whole answer; null where nobody gave one. */
export async function askRoute(
  ports: Pick<FacePorts, 'router'>,
  { key, directory, requestId }: Exchange,
  { route, presence, tally, saying }: SideCall,
): Promise<Buffer | null> {
  const pursuit = ports.router.pursue({
    ...{ project: key.project, route, requestId, presence },
    ...saying,
    budgets: directory.budgets(key, route),
    onCharge: (charge) => tally.add(charge),
  })
  const answer = await pursuit.next()
  return answer.kind === 'answered' && answer.outcome.kind === 'whole' ? answer.outcome.body : null
}
