// Lanes
//
// The connections to upstreams, by origin: free ones are used first, new ones are dialled up to a bound, and who finds
// none waits. An HTTP client of our own because a library's costs as much per request as all the rest of the gateway
// (docs/decisions/0013).
//
// Invariants:
//   N3. At most `lanesMax` connections to one origin, and `waitingMax` requests that wait for one.
//   N4. A connection that the other side may be about to close is not used.
//   N5. A request waits for its own connection as long as it says, whatever others who ask there say.
//   N6. Of a request that is over nothing waits: a connection may be dialled for a minute.
//   N7. One that a connection of before has lost is sent once more, on a new one only (lane.ts): it waits for that
//       first of all, under the same bounds and clock as one that was never sent.

import type { Socket } from 'node:net'
import { whyUnreached } from '../failure.ts'
import type { AnswerHandler } from './answer-handler.ts'
import type { Batch } from './batch.ts'
import { dial, type Reach } from './dial.ts'
import { Lane, type LaneRequest } from './lane.ts'

export interface UpstreamMessage {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer | null
  /** How long a new connection for it may take. */
  readonly connectMs: number
}

interface Waiting {
  readonly request: LaneRequest
  readonly handler: AnswerHandler
  /** N7. */
  readonly isAgain: boolean
  /** A connection is dialled for it; written by `#dialIfNeeded` and `#useOrKeep`. */
  isDialled: boolean
}

interface Origin {
  readonly url: URL
  /** The last one freed is used first: what is not needed grows old and is closed. */
  readonly free: Lane[]
  readonly all: Set<Lane>
  readonly waiting: Waiting[]
  dialling: number
  /** The last headers that were sent, and as what; written by `linesOf`. */
  readonly said: { headers: UpstreamMessage['headers'] | null; lines: string }
  /** Of the last TLS handshake, so that the next one is short. */
  session: Buffer | undefined
}

const lanesMaxDefault = 4_096 // models think for minutes; more calls wait, within their own timers
const waitingMax = 10_000 // each holds its request's body
const keepAliveMs = 10_000 // whatever servers say: there are others to use it
const unsaidMs = 4_000 // for those that do not say: uvicorn keeps its own for 5 s
const keepAliveMarginMs = 1_000 // an answer's way here, and ours there
const sweepMs = 2_000

export class Lanes {
  readonly #batch: Batch
  readonly #reach: Reach
  readonly #lanesMax: number
  readonly #origins = new Map<string, Origin>()
  readonly #sweeping: NodeJS.Timeout
  #isStopped = false

  constructor(batch: Batch, reach: Reach = {}, lanesMax = lanesMaxDefault) {
    this.#batch = batch
    this.#reach = reach
    this.#lanesMax = lanesMax
    this.#sweeping = setInterval(() => this.#sweep(), sweepMs).unref()
  }

  stop(): void {
    this.#isStopped = true
    clearInterval(this.#sweeping)
    for (const { all, waiting } of this.#origins.values()) {
      for (const lane of [...all]) lane.destroy()
      for (const { handler } of waiting.splice(0)) refuse(handler, 'the gateway stops')
    }
  }

  /** Throws where a header cannot be sent. */
  dispatch(origin: string, message: UpstreamMessage, handler: AnswerHandler): void {
    const lanes = this.#originOf(origin)
    const { body, connectMs } = message
    const request = { head: headOf(message, lanes), body, connectMs }
    const lane = this.#freeLane(lanes)
    if (lane !== undefined) return lane.send(request, handler)
    if (this.#isStopped) return refuse(handler, 'the gateway stops')
    if (lanes.waiting.length >= waitingMax) {
      return refuse(handler, `${waitingMax} requests wait for ${origin} already`) // N3
    }
    lanes.waiting.push({ request, handler, isAgain: false, isDialled: false })
    this.#dialIfNeeded(lanes)
  }

  #originOf(origin: string): Origin {
    const known = this.#origins.get(origin)
    if (known !== undefined) return known
    const made: Origin = {
      ...{ url: new URL(origin), free: [], all: new Set(), waiting: [] },
      ...{ dialling: 0, session: undefined, said: { headers: null, lines: '' } },
    }
    this.#origins.set(origin, made)
    return made
  }

  /** N4. */
  #freeLane({ free }: Origin): Lane | undefined {
    for (let lane = free.pop(); lane !== undefined; lane = free.pop()) {
      if (lane.isUsable && !isOld(lane)) return lane
      lane.destroy()
    }
    return undefined
  }

  /** As many as wait, within the bound. */
  #dialIfNeeded(origin: Origin): void {
    const { all, waiting } = origin
    while (all.size + origin.dialling < this.#lanesMax) {
      const next = waiting.find(({ isDialled }) => !isDialled)
      if (next === undefined) return
      next.isDialled = true
      origin.dialling += 1
      this.#dial(origin, next)
    }
  }

  /** N5: whoever it is dialled for has it first, or hears why there is none. */
  #dial(origin: Origin, whose: Waiting): void {
    let isDialling = true
    const dialled = () => {
      isDialling = false
      clearTimeout(timer)
      origin.dialling -= 1
    }
    const failed = (error?: Error) => {
      if (!isDialling) return
      dialled()
      const place = origin.waiting.indexOf(whose) // -1: another connection has become free for it
      if (place !== -1) {
        origin.waiting.splice(place, 1)
        refuse(whose.handler, error === undefined ? 'it was closed at once' : whyUnreached(error))
      }
      if (!this.#isStopped) this.#dialIfNeeded(origin)
      this.#forgetIfUnused(origin)
    }
    const done = (socket: Socket) => {
      if (!isDialling) return
      dialled()
      const place = origin.waiting.indexOf(whose)
      if (place > 0) origin.waiting.unshift(...origin.waiting.splice(place, 1))
      this.#takeOn(origin, socket)
    }
    const giveUp = dial(
      { url: origin.url, reach: this.#reach, session: origin.session },
      {
        onDone: done,
        onFailed: failed,
        onSession: (session) => {
          origin.session = session
        },
      },
    )
    const { connectMs } = whose.request
    const timer = setTimeout(() => {
      giveUp(new Error(`it could not be reached within ${connectMs} ms`))
    }, connectMs)
  }

  #takeOn(origin: Origin, socket: Socket): void {
    const lane = new Lane(socket, {
      batch: this.#batch,
      onFree: (freed) => this.#useOrKeep(origin, freed),
      onGone: (gone) => this.#lost(origin, gone),
      onUnanswered: (request, handler) => this.#sendAgain(origin, { request, handler }),
    })
    origin.all.add(lane)
    if (this.#isStopped) lane.destroy()
    else this.#useOrKeep(origin, lane)
  }

  #useOrKeep(origin: Origin, lane: Lane): void {
    const { waiting } = origin
    const place = lane.hasServed ? waiting.findIndex(({ isAgain }) => !isAgain) : 0 // N7
    const next = place === -1 ? undefined : waiting.splice(place, 1)[0]
    if (next === undefined) {
      lane.freeSinceMs = performance.now()
      origin.free.push(lane)
    } else {
      // Not from within the end of the answer before.
      queueMicrotask(() => {
        if (this.#isStopped) return refuse(next.handler, 'the gateway stops')
        if (lane.isUsable) return lane.send(next.request, next.handler)
        next.isDialled = false
        waiting.unshift(next) // nothing of it was sent
        lane.destroy()
        this.#dialIfNeeded(origin)
      })
    }
  }

  /** N7. The lane that it was on is gone next: then a connection is dialled for it. */
  #sendAgain({ waiting }: Origin, lost: Pick<Waiting, 'request' | 'handler'>): boolean {
    if (waiting.length >= waitingMax) return false // N3
    waiting.unshift({ ...lost, isAgain: true, isDialled: false })
    return true
  }

  #lost(origin: Origin, lane: Lane): void {
    origin.all.delete(lane)
    const place = origin.free.indexOf(lane)
    if (place !== -1) origin.free.splice(place, 1)
    if (!this.#isStopped) this.#dialIfNeeded(origin)
    this.#forgetIfUnused(origin)
  }

  #forgetIfUnused(origin: Origin): void {
    const isUsed = origin.all.size + origin.dialling + origin.waiting.length > 0
    if (!isUsed) this.#origins.delete(origin.url.origin)
  }

  #sweep(): void {
    for (const { free, waiting } of [...this.#origins.values()]) {
      for (const lane of free.filter(isOld)) lane.destroy()
      const over = waiting.filter(({ handler }) => handler.isOver)
      if (over.length === 0) continue
      waiting.splice(0, waiting.length, ...waiting.filter(({ handler }) => !handler.isOver)) // N6
      for (const { handler } of over) refuse(handler, 'it is over before it was sent')
    }
  }
}

function isOld({ freeSinceMs, keepAliveMs: said }: Lane): boolean {
  const forMs = said === 0 ? unsaidMs : Math.min(keepAliveMs, said - keepAliveMarginMs)
  return performance.now() - freeSinceMs > forMs
}

function refuse(handler: AnswerHandler, reason: string): void {
  handler.onResponseError(new Error(reason))
}

const badValue = /[^\t\x20-\x7e\x80-\xff]/

/** The head of a message with all that follows from its body. */
function headOf({ method, path, headers, body }: UpstreamMessage, origin: Origin): string {
  const lines = linesOf(headers, origin)
  const head = `${method} ${path} HTTP/1.1\r\nhost: ${origin.url.host}\r\n${lines}`
  return body === null ? `${head}\r\n` : `${head}content-length: ${body.length}\r\n\r\n`
}

/** Written out once for headers that are the same object each time: those of a Provider. */
function linesOf(headers: UpstreamMessage['headers'], { said }: Origin): string {
  if (said.headers === headers) return said.lines
  let lines = ''
  for (const name in headers) {
    const value = headers[name] ?? ''
    // A value with a line end would begin another header, or another request.
    if (badValue.test(value)) throw new Error(`the header ${name} holds what a header cannot`)
    lines += `${name}: ${value}\r\n`
  }
  said.headers = headers
  said.lines = lines
  return lines
}
