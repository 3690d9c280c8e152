// OpenAI
//
// The OpenAI dialect as a face, towards Providers that speak it too. The body is parsed once for routing and
// forwarded as the same bytes, with the model's name spliced where the Provider has another one.

import type { Outbound } from '../routing/index.ts'

export const openaiPaths: ReadonlySet<string> = new Set([
  '/v1/chat/completions',
  '/v1/completions',
  '/v1/embeddings',
])

export interface OpenaiBody {
  readonly model: string
  readonly stream: boolean
}

/** What routing needs of a body, or the sentence that says what is wrong with it. */
export function parseOpenaiBody(body: Buffer): OpenaiBody | string {
  let parsed: unknown
  try {
    parsed = JSON.parse(body.toString('utf8'))
  } catch (error) {
    return `expected a JSON body: ${error instanceof Error ? error.message : String(error)}`
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    return 'expected a JSON object with a model'
  }
  const model = 'model' in parsed ? parsed.model : undefined
  if (typeof model !== 'string' || model === '') {
    return `model: expected the name of a model, got ${JSON.stringify(model) ?? 'nothing'}`
  }
  return { model, stream: 'stream' in parsed && parsed.stream === true }
}

/** What goes to a Provider, for the Provider's own name of the model. */
export function toOpenaiProvider(
  path: string,
  body: Buffer,
  asked: OpenaiBody,
): (model: string) => Outbound {
  return (model) => ({
    method: 'POST',
    path: path.slice('/v1'.length),
    headers: { 'content-type': 'application/json' },
    body: model === asked.model ? body : spliceModel(body, asked.model, model),
  })
}

/**
 * The same bytes with another value of the top-level `model`. Where the text of the old value
 * stands in
 * more than one place as a member, the body is written anew: right comes before fast.
 */
export function spliceModel(body: Buffer, from: string, to: string): Buffer {
  const text = body.toString('utf8')
  const member = /"model"\s*:\s*"(?:[^"\\]|\\.)*"/g
  const hits = [...text.matchAll(member)]
  const [hit] = hits
  const isPlain = hits.length === 1 && hit?.[0].endsWith(JSON.stringify(from)) === true
  if (isPlain && hit !== undefined && isTopLevel(text, hit.index)) {
    const end = hit.index + hit[0].length
    const start = end - JSON.stringify(from).length
    return Buffer.from(text.slice(0, start) + JSON.stringify(to) + text.slice(end))
  }
  const parsed: Record<string, unknown> = JSON.parse(text)
  return Buffer.from(JSON.stringify({ ...parsed, model: to }))
}

/** True where `index` is at depth one of the document and outside any string. */
function isTopLevel(text: string, index: number): boolean {
  let depth = 0
  let inString = false
  for (let i = 0; i < index; i++) {
    const letter = text[i]
    if (inString) {
      if (letter === '\\') i++
      else if (letter === '"') inString = false
    } else if (letter === '"') inString = true
    else if (letter === '{' || letter === '[') depth++
    else if (letter === '}' || letter === ']') depth--
  }
  return depth === 1 && !inString
}
