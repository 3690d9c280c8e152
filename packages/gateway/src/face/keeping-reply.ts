// Keeping reply
//
// A reply that keeps the response which passes through it, under an id of ours, before its caller has seen the end:
// who has read that a response is stored finds it there.
//
// Invariants:
//   R1. Nothing is kept that did not come to its end (I6).
//   R2. A response that says `store: true` at its end is kept.
//   R3. An item has the same id in each event, at the end and where it is kept; thoughts keep what they came with, since
//       whoever sealed them may look for it.
//   R4. Sealed thoughts are kept, so that they can be said to the target again, and shown to who asked for them.

import { isObject, type JsonObject, listOf, objectOf, writeError } from '@tutti/core/dialect'
import { exactJson, exactJsonOf } from '@tutti/core/resource'
import { itemIdIn, withoutSeal } from '@tutti/core/routing'
import { EventSplitter } from '../routing/index.ts'
import type { Reply } from '../wire/index.ts'

export interface Keeping {
  readonly id: string
  readonly previousId: string | null
  readonly isAsked: boolean
  /** That its items can be named later: they have ids that tell where they are. */
  readonly isNamed: boolean
  /** That sealed thoughts came because they are kept, and not because they were asked for. */
  readonly isSealed: boolean
  /** False where it is not kept for as long as it asked for. */
  readonly keep: (response: JsonObject) => Promise<boolean>
}

const tooDeep = {
  ...{ status: 502, code: 'malformed_answer', message: 'the answer is nested too deep' },
}

const lastTypes: ReadonlySet<unknown> = new Set(['response.completed', 'response.incomplete'])

export class KeepingReply implements Reply {
  readonly #inner: Reply
  readonly #keeping: Keeping
  readonly #splitter = new EventSplitter()
  #isSent = false
  /** What is written after it was kept; written by `send` and `#take`. */
  #ending: Promise<void> | null = null

  constructor(inner: Reply, keeping: Keeping) {
    this.#inner = inner
    this.#keeping = keeping
  }

  get hasBegun(): boolean {
    return this.#isSent || this.#inner.hasBegun
  }

  get isGone(): boolean {
    return this.#inner.isGone
  }

  get waitingBytes(): number {
    return this.#inner.waitingBytes
  }

  header(name: string, value: string | number): void {
    this.#inner.header(name, value)
  }

  send(status: number, body: Buffer): void {
    this.#isSent = true
    const response = status === 200 ? exactJsonOf(body.toString('utf8')) : null
    const isWhole = isObject(response) && isOver(response)
    if (!isWhole) return this.#inner.send(status, body)
    const send = (kept: JsonObject) => this.#inner.send(status, Buffer.from(exactJson(kept)))
    this.#ending = this.#kept(response)
      .then(send)
      .catch(() => {
        const said = writeError('openai-responses', tooDeep)
        this.#inner.send(tooDeep.status, Buffer.from(JSON.stringify(said)))
      })
  }

  begin(status: number): void {
    this.#inner.begin(status)
  }

  write(bytes: Buffer | string): boolean {
    let isFlowing = true
    for (const { raw, event, data } of this.#splitter.push(Buffer.from(bytes))) {
      if (!this.#take(raw, event, data)) isFlowing = false
    }
    return isFlowing
  }

  async drained(): Promise<boolean> {
    if (this.#ending === null) return await this.#inner.drained()
    await this.#ending
    return !this.#inner.isGone
  }

  end(): void {
    if (this.#ending === null) return this.#inner.end()
    const cut = () => this.#inner.destroy()
    this.#ending.then(() => this.#inner.end()).catch(cut) // what could not be said is not whole
  }

  async cutAfter(bytes: string): Promise<void> {
    await this.#ending
    await this.#inner.cutAfter(bytes)
  }

  destroy(): void {
    this.#inner.destroy()
  }

  onGone(listener: () => void): void {
    this.#inner.onGone(listener)
  }

  /** One event; false where more should wait. */
  #take(raw: Buffer, event: string, data: string): boolean {
    const said = exactJsonOf(data)
    if (!isObject(said)) return this.#pass(raw)
    if (!isObject(said['response'])) return this.#pass(this.#ofItem(said, event) ?? raw)
    const { response, ...rest } = said
    const frame = (of: JsonObject) => frameOf(event, { ...rest, response: of })
    if (!lastTypes.has(said['type']) || !isObject(response)) {
      const named = this.#named(isObject(response) ? response : {}, this.#keeping.isAsked)
      return this.#pass(frame(named))
    }
    this.#ending = this.#kept(response).then((kept) => void this.#inner.write(frame(kept)))
    return false
  }

  /** In the order in which it came, also behind what is being kept. */
  #pass(bytes: Buffer | string): boolean {
    if (this.#ending === null) return this.#inner.write(bytes)
    this.#ending = this.#ending.then(() => void this.#inner.write(bytes))
    return false
  }

  /** R2: what is said of it is what came of it. */
  async #kept(response: JsonObject): Promise<JsonObject> {
    const isKept = await this.#keeping.keep(this.#named(response, this.#keeping.isAsked))
    return this.#shown(this.#named(response, isKept))
  }

  /** R4. */
  #shown(response: JsonObject): JsonObject {
    const { output } = response
    if (!this.#keeping.isSealed || !Array.isArray(output)) return response
    return { ...response, output: output.map((item) => withoutSeal(objectOf(item))) }
  }

  #named(response: JsonObject, store: boolean): JsonObject {
    const { id, previousId, isNamed } = this.#keeping
    const { output } = response
    const items = listOf(output).map((item, i) => this.#itemNamed(objectOf(item), i))
    const named = isNamed && Array.isArray(output) ? { output: items } : {}
    return { ...response, ...named, id, previous_response_id: previousId, store }
  }

  /** R3. An event of one item; null where it goes on as it came. */
  #ofItem(said: JsonObject, event: string): string | null {
    const { output_index: at, item_id: id, item } = said
    const { isNamed, isSealed } = this.#keeping
    if (!isNamed || typeof at !== 'number') return null
    if (isOfThoughts(said)) {
      const isShown = isObject(item) && isSealed
      return isShown ? frameOf(event, { ...said, item: withoutSeal(item) }) : null
    }
    const named = {
      ...(id === undefined ? {} : { item_id: itemIdIn(this.#keeping.id, id, at) }),
      ...(isObject(item) ? { item: this.#itemNamed(item, at) } : {}),
    }
    return frameOf(event, { ...said, ...named })
  }

  #itemNamed(item: JsonObject, at: number): JsonObject {
    if (item['type'] === 'reasoning') return item
    return { ...item, id: itemIdIn(this.#keeping.id, item['id'], at) }
  }
}

function frameOf(event: string, data: JsonObject): string {
  const name = event === '' ? '' : `event: ${event}\n`
  return `${name}data: ${exactJson(data)}\n\n`
}

function isOfThoughts({ type, item, part }: JsonObject): boolean {
  const types = [objectOf(item)['type'], objectOf(part)['type']]
  const isTheirs = types.some((one) => one === 'reasoning' || one === 'reasoning_text')
  return isTheirs || String(type).startsWith('response.reasoning')
}

/** R1. */
function isOver({ status }: JsonObject): boolean {
  return status === 'completed' || status === 'incomplete'
}
