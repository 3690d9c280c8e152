// Stored response
//
// A response of the Responses API that is kept so that the next request can go on from it: with all that was said
// before it, so that it stands for itself when earlier ones are deleted or have run out.

import { z } from 'zod'
import { isObject, type JsonObject, listOf, objectOf } from '../dialect/index.ts'
import { exactJson, exactJsonOf } from '../resource/index.ts'

/** Ids of responses that are kept here; those of Providers are theirs to know. */
export const responseId = z.string().regex(/^resp_tutti_[0-9a-f]{32}$/)

export function isResponseId(value: unknown): value is string {
  return responseId.safeParse(value).success
}

const itemId = /^[a-z]+_tutti_([0-9a-f]{32})_\d{1,4}$/
const kindOfId = /^([a-z]+)_/

/** The response that an item came with, by the id that it has where that is kept here. */
export function responseOfItem(id: unknown): string | null {
  const [, of] = typeof id === 'string' ? (itemId.exec(id) ?? []) : []
  return of === undefined ? null : `resp_tutti_${of}`
}

/** The id of an item of a response of ours, made of what it was and of its place in the output. */
export function itemIdIn(response: string, id: unknown, index: number): string {
  const [, kind = 'item'] = kindOfId.exec(String(id)) ?? []
  return `${kind}_${response.slice('resp_'.length)}_${index}`
}

export const storedResponse = z.strictObject({
  id: responseId,
  project: z.string().min(1).max(253),
  /** The route that answered: who may not call it may not read its answers. */
  route: z.string().min(1).max(253),
  expiresAtMs: z.number().min(0),
  /** All that went in, of the turns before too. */
  items: z.array(z.record(z.string(), z.unknown())),
  response: z.record(z.string(), z.unknown()),
})
export type StoredResponse = z.infer<typeof storedResponse>

/** As it is kept and carried: its numbers keep their digits. */
export function storedText(stored: StoredResponse): string {
  return exactJson(stored)
}

/** Throws where it is none. */
export function storedOf(text: string): StoredResponse {
  return storedResponse.parse(exactJsonOf(text))
}

/** One that is too long is not kept, and says so; as much as the control plane takes. */
export const storedBytesMax = 4 * 2 ** 20

/** For so many days it is kept where its Route says nothing; as at OpenAI. */
export const responseDays = 30

export interface ResponseKey {
  readonly project: string
  readonly id: string
}

/** Where responses are kept: per project, until they run out. */
export interface ResponseStore {
  /** Keeping one twice keeps the first. */
  readonly save: (stored: StoredResponse) => Promise<void>
  readonly load: (key: ResponseKey) => Promise<StoredResponse | null>
  /** False where there is none. */
  readonly delete: (key: ResponseKey) => Promise<boolean>
}

/** What `include` asks for where thoughts are to be said again by whoever keeps nothing. */
export const sealsIncluded = 'reasoning.encrypted_content'

/** An item as it is shown to who did not ask for sealed thoughts. */
export function withoutSeal(item: JsonObject): JsonObject {
  if (item['type'] !== 'reasoning') return item
  const { encrypted_content: _, ...rest } = item
  return rest
}

/** A request's input as items with ids of their own. */
export function inputItems(input: unknown, id: string): JsonObject[] {
  const items =
    typeof input === 'string' ? [{ type: 'message', role: 'user', content: input }] : listOf(input)
  return items.filter(isObject).map((item, i) => {
    const named = typeof item['id'] === 'string' ? {} : { id: `in_${id.slice(5)}_${i}` }
    if (item['role'] === undefined) return { ...item, ...named }
    const content = typeof item['content'] === 'string' ? [textPart(item)] : item['content']
    return { ...item, ...named, type: 'message', status: 'completed', content }
  })
}

function textPart({ role, content }: JsonObject): JsonObject {
  if (role !== 'assistant') return { type: 'input_text', text: content }
  return { type: 'output_text', text: content, annotations: [], logprobs: [] }
}

/** What a request that goes on from a stored response says in whole. */
export function chainedItems(before: StoredResponse | null, items: readonly JsonObject[]) {
  if (before === null) return [...items]
  const output = listOf(before.response['output']).map(objectOf)
  return [...before.items, ...output, ...items]
}

/**
 * The same for a target, which knows none of our ids: thoughts without a sealed form cannot be
 * said again.
 */
export function sayableItems(items: readonly JsonObject[]): JsonObject[] {
  return items.flatMap((item) => {
    if (item['type'] === 'reasoning') {
      return typeof item['encrypted_content'] === 'string' ? [item] : []
    }
    const { id: _, status: __, ...rest } = item
    return [rest]
  })
}
