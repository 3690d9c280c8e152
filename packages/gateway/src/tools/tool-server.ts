// Tool server
//
// One server of tools: a session that is opened when it is first needed, its tools as it last told them, its calls.
//
// Invariants:
//   S1. A call is sent once: only one that the server refused unread, for its session was over or its headers are not
//       those that the tool wants by now, is sent again.
//   S2. Bounded: calls at a time, how long each takes, how many tools there are.
//   S3. A server that could not be reached is left alone for a while, so that nobody waits for it again and again.
//   S4. Of a server that is closed, as another is in its place, there is a session for as long as a call that began
//       before, and no longer.

import { z } from 'zod'
import { whyUnreached } from '../failure.ts'
import type { ToolServerEntry } from '../routing/index.ts'
import { fetchOf } from './fetch-of.ts'
import { headersOfArguments } from './header-arguments.ts'
import { hiddenIn, shownIn } from './hidden-numbers.ts'
import type { Connected, ProtocolClient, Sdk } from './sdk.ts'

/** A tool as its server tells it; what is not known here goes on as it is. */
const tool = z.looseObject({ name: z.string().min(1).max(128) })
export type Tool = z.infer<typeof tool>
const anyResult = z.looseObject({})
const page = z.looseObject({ tools: z.array(tool), nextCursor: z.string().optional() })

export type ToolResult = Readonly<Record<string, unknown>>

export interface ToolCall {
  readonly name: string
  readonly arguments: Readonly<Record<string, unknown>> | undefined
  /** What the caller says beside them, the context of its trace say; not how it hears of it. */
  readonly meta: Readonly<Record<string, unknown>>
  readonly signal: AbortSignal
  readonly onProgress: ((progress: object) => void) | undefined
  /** Called when it goes to the server: from then on it may have been done. */
  readonly onSent: () => void
}

export class ToolServerFailure extends Error {
  readonly status: 429 | 502 | 504

  constructor(status: 429 | 502 | 504, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.status = status
  }
}

const listMsMax = 5_000 // others wait for it
const listedMs = 60_000
const restMs = 10_000
const pagesMax = 20
const toolsMax = 1_000
const progressShare = 10 // a call that tells of progress may take so many times as long

interface Listed {
  readonly tools: readonly Tool[]
  readonly atMs: number
}

/** One session; it is closed when nobody uses it any more. */
interface Session {
  readonly connected: Promise<Connected>
  uses: number
  isOver: boolean
}

export class ToolServer {
  readonly entry: ToolServerEntry
  readonly #sdk: Sdk
  readonly #nowMs: () => number
  /** Null while there is none; written by `#current` and `#end`. */
  #session: Session | null = null
  #listed: Listed | null = null
  #listing: Promise<readonly Tool[]> | null = null
  #calls = 0
  #restsUntilMs = 0
  /** Written by `close`. */
  #isClosed = false
  #why = ''

  constructor(entry: ToolServerEntry, { sdk, nowMs }: { sdk: Sdk; nowMs: () => number }) {
    this.entry = entry
    this.#sdk = sdk
    this.#nowMs = nowMs
  }

  /** Throws where it cannot be reached. */
  async tools(): Promise<readonly Tool[]> {
    const listed = this.#listed
    if (listed !== null && this.#nowMs() - listed.atMs < listedMs) return listed.tools
    this.#listing ??= this.#list().finally(() => {
      this.#listing = null
    })
    return await this.#listing
  }

  async call({
    name,
    arguments: given,
    meta,
    signal,
    onProgress,
    onSent,
  }: ToolCall): Promise<ToolResult> {
    const { callsMax, timeoutMs } = this.entry
    if (this.#calls >= callsMax) {
      const most = `${callsMax} calls of ${this.entry.name} are on their way already`
      throw new ToolServerFailure(429, most)
    }
    const params = {
      ...{ name, ...(given === undefined ? {} : { arguments: hiddenIn(given) }) },
      ...(Object.keys(meta).length === 0 ? {} : { _meta: hiddenIn(meta) }),
    }
    this.#calls += 1 // S2
    try {
      const result = await this.#over(signal, async (client) => {
        onSent()
        const ask = () =>
          client.request({ method: 'tools/call', params }, anyResult, {
            ...{ timeout: timeoutMs, maxTotalTimeout: timeoutMs * progressShare, signal },
            headers: headersOfArguments(this.#told(name)?.['inputSchema'], given),
            ...(onProgress === undefined
              ? {}
              : { onprogress: onProgress, resetTimeoutOnProgress: true }),
          })
        return await ask().catch(async (error: unknown) => {
          if (!this.#sdk.isOfHeaders(client, error)) throw error // S1
          this.#listed = { tools: await this.#pages(client), atMs: this.#nowMs() }
          return await ask()
        })
      })
      return shownIn(result)
    } finally {
      this.#calls -= 1
    }
  }

  /** True for a tool that it told of lately. */
  hasTold(tool: string): boolean {
    return this.#told(tool) !== undefined
  }

  /** Resolves when its server has heard of it, or does not answer; at once where calls go on. */
  async close(): Promise<void> {
    this.#isClosed = true
    if (this.#session !== null) await this.#end(this.#session)
  }

  #told(tool: string): Tool | undefined {
    return this.#listed?.tools.find(({ name }) => name === tool)
  }

  async #list(): Promise<readonly Tool[]> {
    const tools = await this.#over(null, (client) => this.#pages(client))
    this.#listed = { tools, atMs: this.#nowMs() }
    return tools
  }

  async #pages(client: ProtocolClient): Promise<readonly Tool[]> {
    const tools: Tool[] = []
    let cursor: string | undefined
    for (let i = 0; i < pagesMax && tools.length < toolsMax; i++) {
      const params = cursor === undefined ? {} : { cursor }
      const asked = { method: 'tools/list', params }
      const answer = await client.request(asked, anyResult, { timeout: listMsMax })
      const parsed = page.parse(shownIn(answer))
      tools.push(...parsed.tools)
      cursor = parsed.nextCursor
      if (cursor === undefined) break
    }
    return tools.slice(0, toolsMax)
  }

  /** S1. */
  async #over<T>(signal: AbortSignal | null, act: (client: ProtocolClient) => Promise<T>) {
    try {
      return await this.#once(act).catch((error: unknown) => {
        if (!this.#sdk.isSessionOver(error)) throw error
        return this.#once(act)
      })
    } catch (error) {
      throw signal?.aborted === true ? error : this.#failed(error)
    }
  }

  async #once<T>(act: (client: ProtocolClient) => Promise<T>): Promise<T> {
    const session = this.#current()
    session.uses += 1
    try {
      return await act((await session.connected).client)
    } catch (error) {
      // Others may still have their answers over it.
      if (this.#sdk.isSessionOver(error)) void this.#end(session)
      throw error
    } finally {
      session.uses -= 1
      void closeUnused(session)
    }
  }

  #current(): Session {
    if (this.#session !== null) return this.#session
    if (this.#nowMs() < this.#restsUntilMs) throw new ToolServerFailure(502, this.#why) // S3
    const { url, apiKey } = this.entry
    const headers = apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }
    const fetch = fetchOf(this.entry)
    const connected = this.#sdk.connect({ url, headers, fetch }, listMsMax)
    const session = { connected, uses: 0, isOver: this.#isClosed } // S4
    if (!session.isOver) this.#session = session
    connected.catch((error: unknown) => {
      this.#restsUntilMs = this.#nowMs() + restMs
      this.#why = `${this.entry.name} cannot be reached: ${reasonOf(error)}`
      void this.#end(session)
    })
    return session
  }

  async #end(session: Session): Promise<void> {
    if (this.#session === session) {
      this.#session = null
      this.#listed = null
    }
    session.isOver = true
    await closeUnused(session)
  }

  /** What the server itself says goes on as it is; what keeps it from saying so is ours to tell. */
  #failed(error: unknown): unknown {
    if (error instanceof ToolServerFailure || this.#sdk.isAnswer(error)) return error
    const { name } = this.entry
    if (this.#sdk.isTimeout(error)) {
      return new ToolServerFailure(504, `${name} did not answer in time`, error)
    }
    if (this.#session !== null) void this.#end(this.#session)
    return new ToolServerFailure(502, `${name} cannot be reached: ${reasonOf(error)}`, error)
  }
}

async function closeUnused({ isOver, uses, connected }: Session): Promise<void> {
  if (!isOver || uses > 0) return
  await connected.then(({ end }) => end()).catch(() => {}) // it is over either way
}

/** The reason, without what follows of its causes. */
function reasonOf(error: unknown): string {
  return whyUnreached(error).slice(0, 200)
}
