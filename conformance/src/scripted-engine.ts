// Scripted engine
//
// Speaks all chat dialects, says what it is told to say, and keeps what it was asked. One for each case, by path.

import { createServer } from 'node:http'
import { anthropic } from './wire/anthropic.ts'
import { bedrock } from './wire/bedrock.ts'
import { embeddings } from './wire/embeddings.ts'
import { gemini } from './wire/gemini.ts'
import { openai } from './wire/openai.ts'
import { responses } from './wire/responses.ts'
import type {
  Ask,
  DialectName,
  EngineName,
  EngineWire,
  Said,
  WireDialect,
} from './wire/wire-dialect.ts'

export const wires: Readonly<Record<DialectName, WireDialect>> = {
  openai,
  'openai-responses': responses,
  anthropic,
  gemini,
}
export const engineWires: Readonly<Record<EngineName, EngineWire>> = { ...wires, bedrock }

export const dialectNames: readonly DialectName[] = [
  'openai',
  'openai-responses',
  'anthropic',
  'gemini',
]

export const engineNames: readonly EngineName[] = [...dialectNames, 'bedrock']

export type Script = Said | { readonly status: number; readonly message: string }

export interface ScriptedEngine {
  /** Base URL of a Provider of this dialect. */
  readonly baseUrl: (dialect: EngineName) => string
  /** What it says next, to whoever asks. */
  script: Script
  /** What it was asked last, and the very body. */
  seen: { readonly ask: () => Ask; readonly body: string } | null
  readonly stop: () => Promise<void>
}

export async function startScriptedEngine(): Promise<ScriptedEngine> {
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    const body = Buffer.concat(chunks).toString('utf8')
    const url = request.url ?? ''
    const name = engineNames.find((dialect) => url.startsWith(`/${dialect}/`)) ?? 'openai'
    const wire = engineWires[name]
    const parsed: { stream?: boolean } = JSON.parse(body)
    engine.seen = { body, ask: () => wire.see(parsed, url) }
    const vectors = embeddings(url, parsed)
    if (vectors !== null) {
      response.writeHead(200, { 'content-type': 'application/json' })
      return void response.end(JSON.stringify(vectors))
    }
    const { script } = engine
    if ('status' in script) {
      response.writeHead(script.status, { 'content-type': 'application/json' })
      return void response.end(JSON.stringify(wire.error(script.status, script.message)))
    }
    const isFramed = url.endsWith('/converse-stream')
    if (parsed.stream !== true && !url.includes(':stream') && !isFramed) {
      response.writeHead(200, { 'content-type': 'application/json' })
      return void response.end(JSON.stringify(wire.whole(script, 'engine-model')))
    }
    const type = isFramed ? 'application/vnd.amazon.eventstream' : 'text/event-stream'
    response.writeHead(200, { 'content-type': type })
    for (const frame of wire.frames(script, 'engine-model')) response.write(frame)
    response.end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const engine: ScriptedEngine = {
    baseUrl: (dialect) => `http://127.0.0.1:${port}/${dialect}/v1`,
    script: { status: 500, message: 'nothing to say yet' },
    seen: null,
    stop: () => {
      server.closeAllConnections()
      return new Promise((resolve) => {
        server.close(() => resolve())
      })
    },
  }
  return engine
}
