// One turn of a WebSocket: what its messages say, and whether it was answered to its end.

import { EventEmitter } from 'node:events'
import { expect, test } from 'vitest'
import type { WebSocket } from 'ws'
import { SocketReply } from './socket-reply.ts'

/** A socket that is open, and what was sent over it. */
function bed(streamId: string | null) {
  const sent: string[] = []
  const open = { readyState: 1, OPEN: 1, bufferedAmount: 0 }
  const send = (message: string) => void sent.push(message)
  const socket = Object.assign(new EventEmitter(), { ...open, send }) as unknown as WebSocket
  const ends: boolean[] = []
  const reply = new SocketReply({ socket, streamId, onOver: (isWhole) => void ends.push(isWhole) })
  return { sent, ends, reply }
}

const piece = '{ "type":"response.output_text.delta",  "logprobs":[{"logprob":-0.10}],"n":1.0}'

test('an event is a message as it came, with the name of its stream where it has one', () => {
  const plain = bed(null)
  plain.reply.write(`event: x\ndata: ${piece}\n\ndata: [DONE]\n\n`)
  expect(plain.sent).toEqual([piece])
  const named = bed('a')
  named.reply.write(`data: ${piece}\n\n`)
  expect(named.sent).toEqual([`{"stream_id":"a",${piece.slice(1)}`])
  named.reply.write('data: {"type":"later","stream_id":"theirs"}\n\n')
  expect(JSON.parse(named.sent[1] ?? '')).toEqual({ type: 'later', stream_id: 'a' })
})

test.each([
  [piece, true],
  ['{"type":"response.failed","response":{}}', false],
  ['{"response":{},"type":"error"}', false],
])('a turn that says %s was answered to its end: %s', (event, isWhole) => {
  const { ends, reply } = bed('a')
  reply.write(`data: ${event}\n\n`)
  reply.end()
  expect(ends).toEqual([isWhole])
})
