// Read body
//
// A request's body, whole and bounded: it may have to be sent more than once.

import type { IncomingMessage } from 'node:http'

export const bodyBytesMax = 64 * 2 ** 20 // as much as a node takes

/** The bytes, or `too-large`, or `aborted` where the caller went away. */
export async function readBody(
  request: IncomingMessage,
): Promise<Buffer | 'too-large' | 'aborted'> {
  if (Number(request.headers['content-length'] ?? 0) > bodyBytesMax) return 'too-large'
  const chunks: Buffer[] = []
  let bytes = 0
  try {
    for await (const chunk of request) {
      bytes += chunk.length
      if (bytes > bodyBytesMax) return 'too-large'
      chunks.push(chunk)
    }
  } catch {
    return 'aborted'
  }
  return chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks, bytes)
}
