// Pipe response
//
// Passes a web Response on to a caller, no faster than it is read.

import type { Reply } from '../wire/index.ts'

/** `written` is what goes out of each piece. */
export async function pipeResponse(
  response: Response,
  reply: Reply,
  written: (piece: Buffer) => Buffer,
): Promise<void> {
  for (const [name, value] of response.headers) reply.header(name, value)
  if (response.body === null) return reply.send(response.status, Buffer.alloc(0))
  reply.begin(response.status)
  const reader = response.body.getReader()
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return reply.end()
    const isFlowing =
      reply.isGone || reply.write(written(Buffer.from(value))) || (await reply.drained())
    if (reply.isGone || !isFlowing) return void (await reader.cancel())
  }
}
