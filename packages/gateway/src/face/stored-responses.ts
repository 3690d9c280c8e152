// Stored responses
//
// `GET` and `DELETE /v1/responses/{id}`, and `GET …/input_items`: what was kept, for the keys of its project that may
// call its route.

import { type JsonObject, listOf, objectOf } from '@tutti/core/dialect'
import { isResponseId, type StoredResponse, sealsIncluded, withoutSeal } from '@tutti/core/routing'
import { type Refusal, refuse, sendJson } from './answer.ts'
import type { Exchange, FacePorts } from './exchange.ts'

const storedPath = /^\/v1\/responses\/([^/]+)(\/input_items)?$/
const limitDefault = 20

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
  const wrong = whyNot(query, items !== undefined)
  if (wrong !== null) return refuse(reply, dialect, wrong)
  try {
    const stored = isResponseId(id)
      ? await ports.responses.load({ project: key.project, id })
      : null
    const isAllowed = key.routes === undefined || key.routes.includes(stored?.route ?? '')
    if (stored === null || !isAllowed) {
      const message = `Response with id '${id.slice(0, 80)}' not found.`
      return refuse(reply, dialect, { status: 404, code: 'not_found', message })
    }
    if (items !== undefined) return sendPage(exchange, stored, query)
    if (method === 'GET') return sendJson(reply, 200, shown(stored, query))
    await ports.responses.delete({ project: key.project, id })
    return sendJson(reply, 200, { id, object: 'response', deleted: true })
  } catch {
    const message = 'the control plane, which keeps responses, is away'
    const retryAfterS = 1
    return refuse(reply, dialect, { status: 503, code: 'responses_away', message, retryAfterS })
  }
}

/** Sealed thoughts are for who asks for them. */
function shown({ response }: StoredResponse, query: URLSearchParams): object {
  const output = listOf(response['output']).map(objectOf)
  return { ...response, output: shownItems(output, query), store: true }
}

function shownItems(items: readonly JsonObject[], query: URLSearchParams): readonly JsonObject[] {
  return includesOf(query).includes(sealsIncluded) ? items : items.map(withoutSeal)
}

function includesOf(query: URLSearchParams): string[] {
  return includeNames.flatMap((name) => query.getAll(name))
}

const includeNames: readonly string[] = ['include', 'include[]']
const pageNames: readonly string[] = ['limit', 'order', 'after']

/** What is wrong with a query; null where nothing is. */
function whyNot(query: URLSearchParams, isPage: boolean): Refusal | null {
  const wrong = (param: string, why: string) => ({
    ...{ status: 400, code: 'unsupported', message: `${param}: ${why}`, param },
  })
  const known = isPage ? [...pageNames, ...includeNames] : includeNames
  const unknown = [...query.keys()].find((name) => !known.includes(name))
  if (unknown !== undefined) {
    return wrong(unknown, 'it has no counterpart for responses that are kept here')
  }
  const other = includesOf(query).find((one) => one !== sealsIncluded)
  if (other !== undefined) return wrong('include', `expected ${sealsIncluded}`)
  if (!/^(100|[1-9]\d?)$/.test(query.get('limit') ?? `${limitDefault}`))
    return wrong('limit', 'expected 1 to 100')
  const isOrder = ['asc', 'desc'].includes(query.get('order') ?? 'desc')
  return isOrder ? null : wrong('order', 'expected asc or desc')
}

/** Newest first, unless asked otherwise. */
function sendPage({ reply, dialect }: Exchange, of: StoredResponse, query: URLSearchParams): void {
  const items = query.get('order') === 'asc' ? [...of.items] : [...of.items].reverse()
  const after = query.get('after')
  const from = after === null ? 0 : items.findIndex(({ id }) => id === after) + 1
  if (after !== null && from === 0) {
    const message = `after: no item ${after.slice(0, 80)} went into this response`
    return refuse(reply, dialect, { status: 400, code: 'not_found', message, param: 'after' })
  }
  const to = from + Number(query.get('limit') ?? limitDefault)
  const data = shownItems(items.slice(from, to), query)
  const ends = { first_id: data[0]?.['id'] ?? null, last_id: data.at(-1)?.['id'] ?? null }
  sendJson(reply, 200, { object: 'list', data, ...ends, has_more: to < items.length })
}
