// Without carried
//
// A request that goes on in its own dialect, without what its caller carries for models of others: an engine refuses a
// thought that it has not signed, and a source that it has not found.

import { isObject, type JsonObject, listOf } from './json.ts'
import { isGemini } from './model-families.ts'
import { callSignature } from './openai-stream.ts'
import { carriedMark } from './signature.ts'

/** The lists of messages, and of what they hold, in every dialect. */
const lists = ['messages', 'contents', 'input', 'content', 'parts', 'citations'] as const
// What Anthropic found on a page it knows by an index that only Anthropic writes.
const signatures = [
  ...['signature', 'thoughtSignature', 'encrypted_content', 'encrypted_index'],
] as const
// A message without any is refused.
const said = ['content', 'parts'] as const

/** The same object where nothing is taken out. */
export function withoutCarried(body: JsonObject): JsonObject {
  let changed = body
  for (const name of lists) {
    const list = body[name]
    if (!Array.isArray(list)) continue
    const left = list.flatMap(kept)
    const isSame = left.length === list.length && left.every((one, i) => one === list[i])
    if (!isSame) changed = { ...changed, [name]: left }
  }
  return changed
}

/**
 * A request of OpenAI's dialect as models other than Google's take it: without what Gemini signed
 * of its calls. The same object where there is none.
 */
export function withoutGoogles(body: JsonObject, model: string): JsonObject {
  const isSigned = (call: unknown) => isObject(call) && callSignature(call) !== null
  const messages = listOf(body['messages'])
  const callsOf = (message: unknown) => (isObject(message) ? listOf(message['tool_calls']) : [])
  if (isGemini(model) || !messages.some((one) => callsOf(one).some(isSigned))) return body
  const unsigned = (call: unknown) => {
    if (!isObject(call) || !isSigned(call)) return call
    const { extra_content: _, ...rest } = call
    return rest
  }
  const own = messages.map((one) =>
    isObject(one) && callsOf(one).some(isSigned)
      ? { ...one, tool_calls: callsOf(one).map(unsigned) }
      : one,
  )
  return { ...body, messages: own }
}

/** A message that held nothing else goes as well. */
function kept(one: unknown): unknown[] {
  if (!isObject(one)) return [one]
  const { thoughtSignature, ...rest } = one
  if (isCarried(thoughtSignature) && isSaid(rest)) return [rest]
  if (signatures.some((name) => isCarried(one[name]))) return []
  const left = withoutCarried(one)
  const isEmpty = said.some((name) => isEmptied(one[name], left[name]))
  const onlyCited = left !== one && left['text'] === '' // a block that was made for its sources
  return isEmpty || onlyCited ? [] : [left]
}

/** Gemini's calls and texts may be signed as its thoughts are; some parts only sign. */
function isSaid(part: JsonObject): boolean {
  return part['thought'] !== true && part['text'] !== '' && Object.keys(part).length > 0
}

function isEmptied(before: unknown, after: unknown): boolean {
  return Array.isArray(before) && before.length > 0 && Array.isArray(after) && after.length === 0
}

function isCarried(value: unknown): boolean {
  return typeof value === 'string' && value.startsWith(carriedMark)
}
