// Link
//
// One node's connection as the hub uses it: frames in order until it closes. A WebSocket is one; a
// simulated network has others.

import type { WebSocket } from 'ws'

export interface Link {
  readonly isOpen: () => boolean
  /** Bytes that were sent and that the other side has not taken yet. */
  readonly bufferedBytes: () => number
  /** Text; as bytes where many links share one frame: each would encode it again. */
  readonly send: (frame: string | Buffer) => void
  readonly close: (code: number) => void
  readonly terminate: () => void
  /** One listener: a later one takes the place of the one before it. */
  readonly onFrame: (listener: (frame: string) => void) => void
  readonly onClose: (listener: () => void) => void
}

/** A WebSocket as a link. A socket that errs is ended: its close tells. */
export function socketLink(socket: WebSocket): Link {
  let take: ((frame: string) => void) | null = null // `onFrame` writes
  socket.on('error', () => socket.terminate())
  socket.on('message', (data) => take?.(String(data)))
  return {
    isOpen: () => socket.readyState === socket.OPEN,
    bufferedBytes: () => socket.bufferedAmount,
    send: (frame) => socket.send(frame, { binary: false }),
    close: (code) => socket.close(code),
    terminate: () => socket.terminate(),
    onFrame: (listener) => {
      take = listener
    },
    onClose: (listener) => socket.once('close', listener),
  }
}
