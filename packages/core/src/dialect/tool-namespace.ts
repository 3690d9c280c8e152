// Tool namespace
//
// OpenAI's Responses API has tools in namespaces; elsewhere a tool has one name, which is made of both. Calls find
// their way back by the request that they answer: the joined name alone does not tell where it was joined.

import { isObject, type JsonObject, listOf } from './json.ts'

/** What a tool is called where there are no namespaces. */
export function joinedName(name: string, namespace: string | undefined): string {
  return namespace === undefined ? name : `${namespace}__${name}`
}

/** How a request of the Responses API names the tool of a call. */
export function calledIn(
  request: JsonObject,
  joined: string,
): { readonly name: string; readonly namespace?: string } {
  for (const group of listOf(request['tools'])) {
    if (!isObject(group) || group['type'] !== 'namespace') continue
    const namespace = String(group['name'])
    for (const tool of listOf(group['tools'])) {
      const name = isObject(tool) ? String(tool['name']) : ''
      if (joinedName(name, namespace) === joined) return { name, namespace }
    }
  }
  return { name: joined }
}
