// Embeddings
//
// Vectors of texts, as the two dialects that have such give them: each of a text's length.

import type { Json } from './wire-dialect.ts'

/** What an engine gives for a text; four bytes do not hold the second number. */
export function vectorOf(text: string): readonly number[] {
  return [text.length, text.length / 10]
}

/** The answer to a request for vectors; null for other requests. */
export function embeddings(url: string, body: Json): Json | null {
  if (url.endsWith('/embeddings')) {
    const texts: string[] = [body.input].flat()
    const isPacked = body.encoding_format === 'base64'
    const data = texts.map((text, index) => {
      const vector = vectorOf(text)
      const packed = Buffer.from(Float32Array.from(vector).buffer).toString('base64')
      return { object: 'embedding', index, embedding: isPacked ? packed : vector }
    })
    const usage = { prompt_tokens: texts.length, total_tokens: texts.length }
    return { object: 'list', data, model: 'engine-model', usage }
  }
  const textIn = ({ content }: Json) => content.parts.map(({ text }: Json) => text).join('')
  if (url.endsWith(':embedContent')) return { embedding: { values: vectorOf(textIn(body)) } }
  if (!url.endsWith(':batchEmbedContents')) return null
  return { embeddings: body.requests.map((one: Json) => ({ values: vectorOf(textIn(one)) })) }
}
