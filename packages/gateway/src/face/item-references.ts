// Item references
//
// Requests of the Responses API may name an item of an earlier answer instead of saying it, as OpenAI's clients do
// where answers are kept. Targets know of none that are kept here: what is named is said.

import { isItemReference, isObject, type JsonObject, listOf } from '@tutti/core/dialect'
import { chainedItems, responseOfItem, type StoredResponse } from '@tutti/core/routing'

export type Referred =
  /** Null stands where the caller's own words are. */
  | { readonly kind: 'found'; readonly items: readonly (JsonObject | null)[] }
  | { readonly kind: 'missing'; readonly id: string }

const loadsMax = 16 // a response holds all that was said before it: one or two are enough

/** True where something is named that may be kept here. */
export function namesItems(input: unknown): boolean {
  return listOf(input).some((item) => responseOf(item) !== null)
}

/** What is named, in the places where it is. Rejects where `load` does. */
export async function itemsNamed(
  input: unknown,
  load: (response: string) => Promise<StoredResponse | null>,
): Promise<Referred> {
  const items = listOf(input)
  const known = new Map<unknown, JsonObject>()
  let loads = 0
  for (const item of items.toReversed()) {
    const response = responseOf(item)
    const id = idOf(item)
    if (response === null || known.has(id)) continue
    loads += 1
    const stored = loads > loadsMax ? null : await load(response)
    for (const one of stored === null ? [] : chainedItems(stored, [])) known.set(one['id'], one)
    if (!known.has(id)) return { kind: 'missing', id: String(id) }
  }
  const found = items.map((item) =>
    isItemReference(item) ? (known.get(idOf(item)) ?? null) : null,
  )
  return { kind: 'found', items: found }
}

function responseOf(item: unknown): string | null {
  return isItemReference(item) ? responseOfItem(idOf(item)) : null
}

function idOf(item: unknown): unknown {
  return isObject(item) ? item['id'] : undefined
}
