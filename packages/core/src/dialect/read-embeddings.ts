// Read embeddings
//
// Whether the body of a 200 is a complete answer with vectors, which is passed on as it came. Of a long one only its ends
// are read, where what was used stands behind the vectors: to parse millions of numbers, of which none is looked at, holds
// up everybody else.

import type { Usage, WholeReading } from './chat.ts'
import { isObject, type JsonObject, jsonOf, listOf } from './json.ts'
import { geminiUsageIn, openaiErrorIn, openaiUsageIn, reader } from './read-whole.ts'

/** Reads an answer by its first and its last characters; null where they do not tell enough. */
export type EndsReader = (first: string, last: string) => WholeReading | null

/** OpenAI's `/embeddings`. */
export const readEmbeddingsWhole = reader(
  (body) => (listOf(body['data']).length === 0 ? 'an answer without data' : null),
  openaiUsageIn,
  { errorIn: openaiErrorIn },
)
export const readEmbeddingsEnds = endsReader(/^\s*\{\s*"(object|data|model|id)"/, {
  ...{ name: 'usage', usageIn: openaiUsageIn },
})

/** Gemini's vectors, of one text or of a batch. */
export const readEmbeddedWhole = reader(({ embedding, embeddings }) => {
  const given = listOf(embeddings).length > 0 || isObject(embedding)
  return given ? null : 'an answer without embeddings'
}, geminiUsageIn)
export const readEmbeddedEnds = endsReader(/^\s*\{\s*"embeddings?"/, {
  ...{ name: 'usageMetadata', usageIn: geminiUsageIn },
})

/** Such an answer begins so, as an error does not, and ends with what was used. */
function endsReader(
  begin: RegExp,
  used: { readonly name: string; readonly usageIn: (body: JsonObject) => Usage | null },
): EndsReader {
  // No object or list that is open ends behind it: it is a member of the whole.
  const end = new RegExp(`"${used.name}"\\s*:\\s*\\{(?:[^{}]|\\{[^{}]*\\})*\\}[^{}[\\]]*\\}\\s*$`)
  return (first, last) => {
    const found = begin.test(first) ? end.exec(last) : null
    const parsed = found === null ? null : jsonOf(`{${found[0]}`)
    const usage = isObject(parsed) ? used.usageIn(parsed) : null
    return usage === null ? null : { kind: 'complete', usage, parsed }
  }
}
