// Wire
//
// One outbound connection as the agent uses it: frames in order until it closes. A WebSocket is one; a
// simulated network has others.

import { frameBytesMax } from '@tutti/core/fleet'
import { WebSocket } from 'ws'
import { messageOf } from '../failure.ts'
import { tunnelTo } from './proxies.ts'

export interface Wire {
  readonly send: (frame: string) => void
  /** Asks for a sign of life; `onLife` tells of it. */
  readonly ping: () => void
  readonly terminate: () => void
}

export interface WireEvents {
  readonly onFrame: (frame: string) => void
  readonly onLife: () => void
  /** Told once, whether it was ever open or not. */
  readonly onClose: (reason: string) => void
}

export type Dial = (url: string, events: WireEvents) => Wire

const handshakeMs = 15_000

/** Opens a WebSocket. */
export const dialSocket: Dial = (url, events) => {
  const socket = new WebSocket(url, {
    ...tunnelTo(url, handshakeMs),
    handshakeTimeout: handshakeMs,
    maxPayload: frameBytesMax,
    perMessageDeflate: false,
  })
  let reason = 'the connection was closed'
  socket.on('error', (error) => {
    reason = messageOf(error)
  })
  socket.on('pong', () => events.onLife())
  socket.on('message', (data) => events.onFrame(String(data)))
  socket.on('close', () => events.onClose(reason))
  return {
    send: (frame) => socket.send(frame),
    ping: () => {
      if (socket.readyState === WebSocket.OPEN) socket.ping()
    },
    terminate: () => socket.terminate(),
  }
}
