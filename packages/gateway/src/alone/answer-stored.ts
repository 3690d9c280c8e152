// Answer stored
//
// Responses that gateway processes keep with the process that stands in for a control plane: in its words.

import { exactJsonOf } from '@tutti/core/resource'
import { type ResponseStore, storedResponse, storedText } from '@tutti/core/routing'

const path = /^\/api\/v1\/stored-responses\/([^/]+)\/([^/]+)$/

export function isStoredPath(url: string): boolean {
  return path.test(url)
}

export interface StoredRequest {
  readonly method: string
  readonly url: string
  readonly body: string
}

export async function answerStored(
  store: ResponseStore,
  { method, url, body }: StoredRequest,
): Promise<{ readonly status: number; readonly body: string }> {
  const [, project = '', id = ''] = path.exec(url) ?? []
  const key = { project: decodeURIComponent(project), id: decodeURIComponent(id) }
  if (method === 'GET') {
    const found = await store.load(key)
    return found === null ? { status: 404, body: '' } : { status: 200, body: storedText(found) }
  }
  if (method === 'DELETE') return { status: (await store.delete(key)) ? 204 : 404, body: '' }
  if (method !== 'PUT') return { status: 405, body: '' }
  const parsed = storedResponse.safeParse(exactJsonOf(body))
  if (!parsed.success) return { status: 422, body: parsed.error.message }
  await store.save(parsed.data)
  return { status: 204, body: '' }
}
