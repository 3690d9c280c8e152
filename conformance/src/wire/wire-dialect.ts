// Wire dialect
//
// A chat dialect as its vendor's documentation writes it, both sides of it: what a client sends and reads, what an
// engine reads and sends. Written for the judges alone, apart from the code that they judge.

export type DialectName = 'openai' | 'openai-responses' | 'anthropic' | 'gemini'

/** Those and what only engines speak. */
export type EngineName = DialectName | 'bedrock'

export interface Turn {
  readonly role: 'user' | 'assistant'
  readonly text: string
  /** PNG in base64. */
  readonly image?: string
  /** In base64. */
  readonly pdf?: string
  readonly calls?: readonly Call[]
  readonly results?: readonly { readonly id: string; readonly text: string }[]
}

export interface Call {
  readonly id: string
  readonly name: string
  readonly args: Readonly<Record<string, unknown>>
}

/** What is asked, and what an engine is expected to see. */
export interface Ask {
  readonly system: string
  readonly turns: readonly Turn[]
  readonly tools: readonly string[]
  /** True where one of the tools must be called. */
  readonly mustCall: boolean
  /** A JSON schema that the answer must follow. */
  readonly schema: Readonly<Record<string, unknown>> | null
  readonly maxTokens: number
  readonly temperature: number
  readonly stream: boolean
}

export interface Cited {
  readonly url: string
  readonly title: string
  /** What of the text is from there; absent in what an engine is to say. */
  readonly words?: string
}

/** What an engine says, and what a client is expected to get. */
export interface Said {
  readonly text: string
  readonly calls: readonly Call[]
  /** A page that all of the text is from. */
  readonly cited?: Cited
  /** Of the thoughts before the calls: what the engine wants back as it is. */
  readonly signature?: string
  /** `odd`: as only its own dialect knows, and for no good end. */
  readonly stop: (typeof stops)[number]
  readonly usage: {
    readonly input: number
    readonly output: number
    readonly cached: number
    /** Of the output; -1 where the dialect does not tell. */
    readonly reasoning: number
  }
}

/** In the order in which a reason that stands for two of them is read. */
export const stops = ['stop', 'length', 'calls', 'filtered', 'odd'] as const

/** What an engine reads and sends. */
export interface EngineWire {
  /** What an engine sees in a body. */
  readonly see: (body: Json, url: string) => Ask
  readonly whole: (said: Said, model: string) => object
  readonly frames: (said: Said, model: string) => readonly (string | Buffer)[]
  readonly error: (status: number, message: string) => object
}

export interface WireDialect extends EngineWire {
  readonly path: (model: string, stream: boolean) => string
  readonly write: (ask: Ask, model: string) => object
  readonly read: (body: Json) => Said
  readonly readFrames: (datas: readonly Json[]) => Said
  readonly readError: (body: Json) => string
}

/** A parsed JSON value, read with a question mark at every step. */
// biome-ignore lint/suspicious/noExplicitAny: a judge reads foreign JSON of four vendors
export type Json = any

export const parameters = {
  type: 'object',
  properties: { city: { type: 'string' } },
  required: ['city'],
}

export function dataFrame(data: object): string {
  return `data: ${JSON.stringify(data)}\n\n`
}

export function typedFrame(data: { readonly type: string }): string {
  return `event: ${data.type}\ndata: ${JSON.stringify(data)}\n\n`
}

/** A text in two pieces, as streams bring it. */
export function halves(text: string): string[] {
  const middle = Math.ceil(text.length / 2)
  return [text.slice(0, middle), text.slice(middle)].filter((part) => part !== '')
}
