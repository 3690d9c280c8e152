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
//   R5. A piece goes on as it came but for the id of its item: what it tells, log probabilities above all, is not read.
//   R6. What is nested too deep to be written ends its answer with an error, and nothing else.
//   R7. Items that the end of a stream leaves out are those that were told before it: a turn that goes on needs them.

import {
  isObject,
  type JsonObject,
  listOf,
  objectOf,
  writeError,
  writeErrorEvent,
} from '@tutti/core/dialect'
import { exactJson, exactJsonOf } from '@tutti/core/resource'
import { itemIdIn, responseOfItem, storedBytesMax, withoutSeal } from '@tutti/core/routing'
import { isTooDeep } from '../failure.ts'
import { headOf } from '../json/index.ts'
import { EventSplitter, type RawEvent } from '../routing/index.ts'
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
  /** Written by `#after`. */
  #isCut = false
  /** Items that are over, by their place (R7); written by `#note`. */
  readonly #items = new Map<number, JsonObject>()
  #itemBytes = 0
  /** What is written after it was kept; written by `send` and `#after`. */
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
    for (const event of this.#splitter.push(Buffer.from(bytes))) {
      try {
        if (!this.#take(event)) isFlowing = false
      } catch (error) {
        isFlowing = this.#after(() => Promise.reject(error))
      }
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
    this.#after(() => this.#inner.end())
  }

  async cutAfter(bytes: string): Promise<void> {
    await this.#ending
    if (!this.#isCut) await this.#inner.cutAfter(bytes)
  }

  destroy(): void {
    this.#inner.destroy()
  }

  onGone(listener: () => void): void {
    this.#inner.onGone(listener)
  }

  /** One event; false where more should wait. */
  #take({ raw, event, data }: RawEvent): boolean {
    const piece = this.#pieceOf(data)
    if (piece !== null)
      return this.#pass(piece === data ? raw : `${named(event)}data: ${piece}\n\n`)
    const said = exactJsonOf(data)
    if (!isObject(said)) return this.#pass(raw)
    if (!isObject(said['response'])) {
      this.#note(said, raw.length)
      return this.#pass(this.#ofItem(said, event) ?? raw)
    }
    const { response, ...rest } = said
    const frame = (of: JsonObject) => frameOf(event, { ...rest, response: of })
    if (!lastTypes.has(said['type']) || !isObject(response)) {
      const named = this.#named(isObject(response) ? response : {}, this.#keeping.isAsked)
      return this.#pass(frame(named))
    }
    const whole = this.#withItems(response)
    const act = async () => {
      const said = whole === null ? this.#named(response, false) : await this.#kept(whole)
      this.#inner.write(frame(said))
    }
    return this.#after(act)
  }

  /** R5. An event of one text, with its item named; null for what is to be read. */
  #pieceOf(data: string): string | null {
    if (!this.#keeping.isNamed) return data.includes('"response"') ? null : data
    const head = headOf(data, placing)
    const [type, at, id] = [head.get('type'), head.get('output_index'), head.get('item_id')]
    if (type === undefined || !ofText.test(type.text) || data.includes('\n')) return null
    if (type.text.startsWith('"response.reasoning')) return data // R3
    if (at === undefined || id === undefined) return null
    const itemId = itemIdIn(this.#keeping.id, id.text.slice(1, -1), Number(at.text))
    return `${data.slice(0, id.start)}"${itemId}"${data.slice(id.end)}`
  }

  /** R7. Of one that is too long to be kept the items are let go. */
  #note({ type, output_index: at, item }: JsonObject, bytes: number): void {
    if (type !== 'response.output_item.done' || typeof at !== 'number' || !isObject(item)) return
    if (!this.#keeping.isNamed) return
    this.#itemBytes += bytes
    if (this.#itemBytes > storedBytesMax) this.#items.clear()
    else this.#items.set(at, item)
  }

  /** R7. Null where they were let go. */
  #withItems(response: JsonObject): JsonObject | null {
    if (this.#itemBytes === 0 || listOf(response['output']).length > 0) return response
    if (this.#items.size === 0) return null
    const placed = [...this.#items].sort(([one], [other]) => one - other)
    return { ...response, output: placed.map(([at, item]) => this.#itemNamed(item, at)) }
  }

  /** In the order in which it came, also behind what is being kept. */
  #pass(bytes: Buffer | string): boolean {
    if (this.#ending === null) return this.#inner.write(bytes)
    return this.#after(() => void this.#inner.write(bytes))
  }

  /** R1, R6: what could not be said is not whole. False, as what comes next waits. */
  #after(act: () => Promise<void> | void): false {
    const before = this.#ending ?? Promise.resolve()
    this.#ending = before.then(async () => {
      if (this.#isCut) return
      try {
        await act()
      } catch (error) {
        this.#isCut = true
        if (!isTooDeep(error)) return this.#inner.destroy()
        await this.#inner.cutAfter(writeErrorEvent('openai-responses', tooDeep))
      }
    })
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
    const isOwn = responseOfItem(item['id']) === this.#keeping.id
    if (item['type'] === 'reasoning' || isOwn) return item
    return { ...item, id: itemIdIn(this.#keeping.id, item['id'], at) }
  }
}

const placing: ReadonlySet<string> = new Set(['type', 'output_index', 'item_id'])
// Not of a part or an item, which say more than their own texts.
const ofText = /(\.delta|(text|refusal|arguments|input)\.done)"$/

function named(event: string): string {
  return event === '' ? '' : `event: ${event}\n`
}

function frameOf(event: string, data: JsonObject): string {
  return `${named(event)}data: ${exactJson(data)}\n\n`
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
