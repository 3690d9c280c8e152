// Socket reply
//
// One turn of a WebSocket of the Responses API as a reply: each event of the stream is a message, and an answer that
// is none becomes an `error` message.

import { objectOf } from '@tutti/core/dialect'
import { exactJson, exactJsonOf } from '@tutti/core/resource'
import type { WebSocket } from 'ws'
import { headOf } from '../json/index.ts'
import { EventSplitter } from '../routing/index.ts'
import type { Reply } from '../wire/index.ts'

const bufferedBytesMax = 256 * 1_024 // more waits until the caller has read

const onlyType: ReadonlySet<string> = new Set(['type'])

export interface SocketTurn {
  readonly socket: WebSocket
  /** Said back in every message of the turn; null where the caller named none. */
  readonly streamId: string | null
  /** Called once, with whether it was answered to its end. */
  readonly onOver: (isWhole: boolean) => void
}

export class SocketReply implements Reply {
  readonly #turn: SocketTurn
  readonly #splitter = new EventSplitter()
  hasBegun = false
  /** Written by `#over`. */
  #isOver = false
  #hasFailed = false

  readonly #listeners: (() => void)[] = []
  readonly #onClose = () => {
    for (const listener of this.#listeners) listener()
    this.#over(false)
  }

  constructor(turn: SocketTurn) {
    this.#turn = turn
    turn.socket.once('close', this.#onClose)
  }

  get isGone(): boolean {
    const { socket } = this.#turn
    return this.#isOver || socket.readyState !== socket.OPEN
  }

  get waitingBytes(): number {
    return this.#turn.socket.bufferedAmount
  }

  /** Messages have no headers. */
  header(): void {}

  send(status: number, body: Buffer): void {
    this.hasBegun = true
    const said = objectOf(exactJsonOf(body.toString('utf8')))
    // Turns are always streamed: a whole answer is an error, or one of an upstream that streams none.
    if (status === 200)
      this.#tell({ type: 'response.completed', sequence_number: 0, response: said })
    else this.#tell({ type: 'error', status, ...said })
    this.#over(status === 200)
  }

  begin(): void {
    this.hasBegun = true
  }

  write(bytes: Buffer | string): boolean {
    for (const { data } of this.#splitter.push(Buffer.from(bytes))) {
      const type = headOf(data, onlyType).get('type')?.text
      if (type !== undefined && !data.includes('"stream_id"')) {
        this.#send(type.slice(1, -1), this.#named(data))
        continue
      }
      const said = exactJsonOf(data)
      if (said !== undefined) this.#tell(objectOf(said))
    }
    return this.waitingBytes <= bufferedBytesMax
  }

  /** Waits until what was sent before is on its way. */
  drained(): Promise<boolean> {
    const { socket } = this.#turn
    if (this.isGone || this.waitingBytes === 0) return Promise.resolve(!this.isGone)
    return new Promise((resolve) => {
      socket.ping(undefined, undefined, () => resolve(!this.isGone))
    })
  }

  end(): void {
    this.#over(!this.#hasFailed)
  }

  /** The message says that the turn is broken: the connection goes on. */
  async cutAfter(bytes: string): Promise<void> {
    this.write(bytes)
    this.#over(false)
  }

  destroy(): void {
    this.#over(false)
    this.#turn.socket.terminate()
  }

  onGone(listener: () => void): void {
    this.#listeners.push(listener)
  }

  #tell(message: Readonly<Record<string, unknown>>): void {
    const { streamId } = this.#turn
    const named = streamId === null ? message : { ...message, stream_id: streamId }
    this.#send(message['type'], exactJson(named))
  }

  /** An event with the stream's name, without a look at what it says. */
  #named(data: string): string {
    const { streamId } = this.#turn
    const name = `{"stream_id":${JSON.stringify(streamId)},`
    return streamId === null ? data : data.replace('{', () => name)
  }

  #send(type: unknown, message: string): void {
    if (this.isGone) return
    if (type === 'error' || type === 'response.failed') this.#hasFailed = true
    this.#turn.socket.send(message)
  }

  #over(isWhole: boolean): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#turn.socket.off('close', this.#onClose)
    this.#turn.onOver(isWhole)
  }
}
