// Cache request
//
// The cache of one call of a route that has one, with what it needs of the gateway.

import { canonicalJson } from '@tutti/core/resource'
import type { CacheSpec } from '@tutti/core/routing'
import type { CallTrace, Candidate, Presence, RouteEntry, Selection } from '../routing/index.ts'
import { askRoute } from './ask-route.ts'
import { dependsOnProvider } from './bounds.ts'
import { type CallCache, type CallCachePorts, openCallCache } from './call-cache.ts'
import type { CallGuard } from './call-guard.ts'
import type { ChatAsked } from './chat-body.ts'
import { toEmbedder, vectorOf } from './embed.ts'
import type { Exchange, FacePorts } from './exchange.ts'
import type { Tally } from './tally.ts'

/** Null where nothing of it is ever given again; a promise where the request is long. */
export function cacheRequest(
  ports: FacePorts,
  exchange: Exchange,
  of: {
    readonly chat: ChatAsked | null
    /** Null where the route has none. */
    readonly guard: Pick<CallGuard, 'hasTaken'> | null
    readonly route: RouteEntry
    readonly selection: Selection | null
    readonly presence: Presence
    readonly tally: Tally
    readonly trace: CallTrace | null
  },
): CallCache | Promise<CallCache | null> | null {
  const { chat, guard, route, selection } = of
  const { key, directory, request } = exchange
  if (route.cache === undefined || chat === null || dependsOnProvider(chat)) return null
  const embed = async (text: Uint8Array, name: string) => {
    const embedder = directory.route(key.project, name)
    if (embedder === undefined) return null
    const asked = { ...of, route: embedder, saying: toEmbedder(text) }
    const said = await askRoute(ports, exchange, asked)
    if (said === null) return null
    return { vector: vectorOf(said.body, said.giver), model: modelOf(said.giver) }
  }
  const question: CallCachePorts['question'] = (job) => ports.thread.question(job)
  return openCallCache(
    { cache: ports.cache, nowMs: ports.nowMs, steadyMs: ports.steadyMs, embed, question },
    {
      spec: guard?.hasTaken === true ? withoutMeaning(route.cache) : route.cache,
      chat,
      key,
      route,
      selection,
      directory,
      requestId: exchange.requestId,
      control: request.headers['cache-control'] ?? '',
    },
  )
}

/** Who gave a vector, by all that may make it another model. */
function modelOf({ base, target, release }: Candidate): string {
  if ('deployment' in target) return canonicalJson([target.deployment, release])
  return canonicalJson([target.provider, target.model, base])
}

/** Two questions may mean the same and name what was taken out of them in another order. */
function withoutMeaning({ semantic: _, ...exact }: CacheSpec): CacheSpec {
  return exact
}
