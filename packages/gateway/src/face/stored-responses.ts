// Stored responses
//
// `GET` and `DELETE /v1/responses/{id}`, and `GET …/input_items`: what was kept, for the keys of its project that may
// call its route.

import { isResponseId, type StoredResponse } from '@tutti/core/routing'
import { refuse, sendJson } from './answer.ts'
import type { Exchange, FacePorts } from './exchange.ts'

const storedPath = /^\/v1\/responses\/([^/]+)(\/input_items)?$/
const limitDefault = 20
const limitMax = 100

export function isStoredPath(path: string): boolean {
  return path.startsWith('/v1/responses/')
}

export async function answerStored(ports: FacePorts, exchange: Exchange): Promise<void> {
  const { request, reply, path, dialect, key } = exchange
  const [, id = '', items] = storedPath.exec(path) ?? []
  const method = request.method
  if (id === '' || (method !== 'GET' && (method !== 'DELETE' || items !== undefined))) {
    const message = `nothing answers ${method} ${path}`
    return refuse(reply, dialect, { status: 404, code: 'not_found', message })
  }
  const query = new URLSearchParams(request.url.split('?')[1] ?? '')
  const unknown = [...query.keys()].find((name) => !known(items !== undefined).includes(name))
  if (unknown !== undefined) {
    const message = `${unknown}: it has no counterpart for responses that are kept here`
    return refuse(reply, dialect, { status: 400, code: 'unsupported', message, param: unknown })
  }
  try {
    const stored = isResponseId(id)
      ? await ports.responses.load({ project: key.project, id })
      : null
    const isAllowed = key.routes === undefined || key.routes.includes(stored?.route ?? '')
    if (stored === null || !isAllowed) {
      const message = `Response with id '${id.slice(0, 80)}' not found.`
      return refuse(reply, dialect, { status: 404, code: 'not_found', message })
    }
    if (items !== undefined) return sendJson(reply, 200, pageOf(stored, query))
    if (method === 'GET') return sendJson(reply, 200, { ...stored.response, store: true })
    await ports.responses.delete({ project: key.project, id })
    return sendJson(reply, 200, { id, object: 'response', deleted: true })
  } catch {
    const message = 'the control plane, which keeps responses, is away'
    const retryAfterS = 1
    return refuse(reply, dialect, { status: 503, code: 'responses_away', message, retryAfterS })
  }
}

function known(isItems: boolean): readonly string[] {
  return isItems ? ['limit', 'order', 'after'] : []
}

/** Newest first, unless asked otherwise. */
function pageOf({ items }: StoredResponse, query: URLSearchParams): object {
  const ordered = query.get('order') === 'asc' ? [...items] : [...items].reverse()
  const after = query.get('after')
  const from = after === null ? 0 : ordered.findIndex(({ id }) => id === after) + 1
  const asked = Number(query.get('limit') ?? limitDefault)
  const limit = Number.isSafeInteger(asked) ? Math.min(limitMax, Math.max(1, asked)) : limitDefault
  const data = ordered.slice(from, from + limit)
  const ends = { first_id: data[0]?.['id'] ?? null, last_id: data.at(-1)?.['id'] ?? null }
  return { object: 'list', data, ...ends, has_more: from + limit < ordered.length }
}
