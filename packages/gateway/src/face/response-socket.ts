// Response socket
//
// One WebSocket of the Responses API: `response.create` messages, each a turn like any other request. Turns of one
// `stream_id` follow each other, those of different ones run beside each other; the last responses are remembered
// here, so that a turn can go on from one that is stored nowhere.
//
// Invariants:
//   W1. A turn is a request: key, limits, budget and rules are looked at anew for each.
//   W2. Bounded: turns that wait, streams, what is remembered, what nobody reads, and the time that a connection may
//       take.
//   W3. Whoever has no valid key any more is let go, once what runs is over: his place is another's.

import { isObject, type JsonObject } from '@tutti/core/dialect'
import { exactJson, exactJsonOf } from '@tutti/core/resource'
import type { RawData, WebSocket } from 'ws'
import { isTooDeep } from '../failure.ts'
import type { Incoming } from '../wire/index.ts'
import type { FacePorts } from './exchange.ts'
import { answerRequest, isLetIn, refuseTooDeep } from './gateway-face.ts'
import { LocalKeeper } from './response-keeper.ts'
import { SocketReply } from './socket-reply.ts'

// As at OpenAI.
const connectionMs = 60 * 60_000
const streamsMax = 16
const waitingMax = 16 // turns of one stream: an agent waits for each before it asks the next
const unreadBytesMax = 16 * 2 ** 20 // more than the longest answer has
const pingMs = 30_000
const silentPingsMax = 2

export interface SocketOptions {
  readonly ports: FacePorts
  readonly socket: WebSocket
  /** Of the request that opened it: who calls. */
  readonly headers: Incoming['headers']
}

interface Leaving {
  /** Of the protocol. */
  readonly code: number
  readonly why: string
}

export class ResponseSocket {
  readonly #socket: WebSocket
  readonly #headers: Incoming['headers']
  readonly #keeper: LocalKeeper
  readonly #ports: FacePorts
  /** Turns that wait, by stream; the stream is there while one of its turns runs. */
  readonly #streams = new Map<string, JsonObject[]>()
  readonly #pinging: NodeJS.Timeout
  readonly #ending: NodeJS.Timeout
  #silentPings = 0
  /** Why it takes no more turns; null while it does. Written by `#leave`. */
  #leaving: Leaving | null = null

  constructor({ ports, socket, headers }: SocketOptions) {
    this.#socket = socket
    const { 'x-request-id': _, ...rest } = headers // each turn gets an id of its own
    this.#headers = rest
    this.#keeper = new LocalKeeper(ports.responses)
    this.#ports = { ...ports, responses: this.#keeper }
    this.#pinging = setInterval(() => this.#ping(), pingMs)
    this.#ending = setTimeout(() => this.#expire(), connectionMs)
    socket.setMaxListeners(streamsMax + 10) // each turn that runs has one, and ours
    socket.on('message', (data, isBinary) => this.#take(data, isBinary))
    socket.on('pong', () => {
      this.#silentPings = 0
    })
    socket.on('error', () => socket.terminate())
    socket.on('close', () => {
      clearInterval(this.#pinging)
      clearTimeout(this.#ending)
    })
  }

  /** Closes it once the turns that run are over. */
  drain(): void {
    this.#leave({ code: 1001, why: 'the gateway stops' })
  }

  #leave(leaving: Leaving): void {
    this.#leaving ??= leaving
    for (const waiting of this.#streams.values()) waiting.splice(0)
    const { code, why } = this.#leaving
    if (this.#streams.size === 0) this.#socket.close(code, why)
  }

  #take(data: RawData, isBinary: boolean): void {
    if (this.#socket.bufferedAmount > unreadBytesMax) return this.#socket.terminate() // W2
    const message = isBinary ? undefined : exactJsonOf(textOf(data))
    if (isObject(message) && message['type'] === 'response.steer') return this.#unsteered(message)
    if (!isObject(message) || message['type'] !== 'response.create') {
      return this.#refuse(null, 400, {
        ...{ code: 'invalid_event', message: 'expected a message of type response.create' },
      })
    }
    const { stream_id: stream = null } = message
    const streamId = typeof stream === 'string' ? stream : null
    const why = whyNoTurn(message)
    if (why !== null) return this.#refuse(streamId, 400, why)
    const name = streamId ?? ''
    const waiting = this.#streams.get(name)
    if (this.#leaving !== null) return
    if (waiting === undefined && this.#streams.size < streamsMax) {
      this.#streams.set(name, [])
      return void this.#run(name, message)
    }
    if (waiting !== undefined && waiting.length < waitingMax) return void waiting.push(message)
    const limits = `${streamsMax} streams, and ${waitingMax} turns of each that wait`
    const said = `a connection may have ${limits}`
    this.#refuse(streamId, 429, { code: 'too_many_turns', message: said })
  }

  /** The turns of one stream, one after the other. */
  async #run(name: string, first: JsonObject): Promise<void> {
    let next: JsonObject | undefined = first
    while (next !== undefined && this.#socket.readyState === this.#socket.OPEN) {
      await this.#turn(next)
      next = this.#streams.get(name)?.shift()
    }
    this.#streams.delete(name)
    if (this.#leaving !== null) this.#leave(this.#leaving)
  }

  /** W1. */
  async #turn({ type: _, stream_id: streamId, ...asked }: JsonObject): Promise<void> {
    const previous = asked['previous_response_id']
    const incoming = this.#asking(() => Buffer.from(exactJson({ ...asked, stream: true })))
    await new Promise<void>((resolve) => {
      const onOver = (isWhole: boolean) => {
        // What a turn that failed went on from is said again in whole.
        if (!isWhole && typeof previous === 'string') this.#keeper.forget(previous)
        resolve()
      }
      const named = typeof streamId === 'string' ? streamId : null
      const reply = new SocketReply({ socket: this.#socket, streamId: named, onOver })
      // Our own bug ends one connection and not the process.
      const failed = (error: unknown) => {
        if (!refuseTooDeep(incoming, reply, error)) reply.destroy()
      }
      try {
        const answering = answerRequest(this.#ports, incoming, reply)
        if (answering !== undefined) this.#ports.underWay.add(answering, failed)
      } catch (error) {
        failed(error)
      }
    })
  }

  /** What is said meanwhile goes back to who said it, who says it with the next turn. */
  #unsteered({ previous_response_id, input }: JsonObject): void {
    const message = 'an answer that is under way cannot be steered here: say it in the next turn'
    const error = { type: 'invalid_request_error', code: 'steering_not_supported', message }
    const steer = { previous_response_id, input }
    const event = { type: 'response.steer.failed', sequence_number: 0, error, steer }
    try {
      this.#socket.send(exactJson(event))
    } catch (cause) {
      if (!isTooDeep(cause)) throw cause
      this.#refuse(null, 400, { code: 'invalid_event', message: 'input: it is nested too deep' })
    }
  }

  #refuse(
    streamId: string | null,
    status: number,
    error: { readonly code: string; readonly message: string; readonly param?: string },
  ): void {
    const named = streamId === null ? {} : { stream_id: streamId }
    const about = { type: 'invalid_request_error', param: null, ...error }
    this.#socket.send(JSON.stringify({ type: 'error', status, error: about, ...named }))
  }

  /** W2. */
  #expire(): void {
    const code = 'websocket_connection_limit_reached'
    const message = 'a connection lasts 60 minutes at most: open another one'
    this.#refuse(null, 400, { code, message })
    this.#leave({ code: 1001, why: 'it has lasted as long as one may' })
  }

  #ping(): void {
    this.#silentPings += 1
    if (this.#silentPings > silentPingsMax) return this.#socket.terminate()
    this.#socket.ping()
    if (
      this.#leaving !== null ||
      isLetIn(
        this.#ports,
        this.#asking(() => 'aborted'),
      )
    )
      return
    const message = 'the key of this connection is no longer valid here'
    this.#refuse(null, 401, { code: 'invalid_api_key', message })
    this.#leave({ code: 1008, why: message }) // W3
  }

  /** A turn, as the request that it is. */
  #asking(body: Incoming['body']): Incoming {
    return { method: 'POST', url: '/v1/responses', headers: this.#headers, body }
  }
}

function textOf(data: RawData): string {
  return Array.isArray(data)
    ? Buffer.concat(data).toString('utf8')
    : Buffer.from(data as Buffer).toString('utf8')
}

const streamName = /^[A-Za-z0-9_.-]{1,256}$/

/** What a turn may not say, beyond what a request may not. */
function whyNoTurn(message: JsonObject) {
  const { stream_id: stream, background, stream: isStream, generate } = message
  const wrong = (param: string, why: string) => ({
    ...{ code: 'invalid_event', message: `${param}: ${why}`, param },
  })
  if (stream !== undefined && !(typeof stream === 'string' && streamName.test(stream))) {
    return wrong('stream_id', 'expected 1 to 256 letters, digits, dots, dashes and underscores')
  }
  if (background !== undefined && background !== false) {
    return wrong('background', 'it has no counterpart on a WebSocket')
  }
  if (isStream === false) return wrong('stream', 'a turn is always streamed')
  const isBoolean = generate === undefined || typeof generate === 'boolean'
  return isBoolean ? null : wrong('generate', 'expected true or false')
}
