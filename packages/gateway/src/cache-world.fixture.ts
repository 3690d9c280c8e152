// Cache world
//
// What the tests of the cache stand on: a Route that gives answers again in two projects, and an engine that counts its own.

import { routeSpec, type Snapshot } from '@tutti/core/routing'
import {
  digest,
  type Handler,
  key,
  serve,
  signed,
  toProvider,
  world,
} from './gateway-world.fixture.ts'

export const other = 'tutti_other_secret'
export const foreign = 'tutti_foreign_secret'

/** A route with this cache in two projects, two keys in the first. */
export function caching(url: string, cache: object, more: object = {}): Snapshot {
  const snapshot = toProvider(`${url}/v1`, true)
  const [provider] = snapshot.providers
  const [own] = snapshot.keys
  if (provider === undefined || own === undefined) throw new Error('a world')
  const spec = routeSpec.parse({
    targets: [{ provider: 'engine', model: 'llama' }],
    cache,
    ...more,
  })
  const embed = routeSpec.parse({ targets: [{ provider: 'engine', model: 'embedder' }] })
  const projects = ['default', 'elsewhere']
  return {
    ...snapshot,
    keys: [
      own,
      { ...own, id: 'other', hash: digest(other) },
      { ...own, id: 'foreign', hash: digest(foreign), project: 'elsewhere' },
    ],
    routes: projects.flatMap((project) => [
      { ...spec, name: 'chat', project },
      { ...embed, name: 'embed', project },
    ]),
    providers: projects.map((project) => ({ ...provider, project })),
  }
}

export const semantic = { semantic: { route: 'embed', threshold: 0.95 } }

interface Engine {
  readonly url: string
  /** What it was asked, questions only. */
  readonly asked: string[]
}

const vectors: Readonly<Record<string, readonly number[]>> = {
  'what is the capital of France?': [1, 0, 0],
  'which city is the capital of France?': [0.99, 0.1, 0],
  'what is the capital of Spain?': [0.2, 1, 0],
}

/** Counts its answers in the text, so that each is another. */
export async function engine(finish = 'stop', status = 200): Promise<Engine> {
  const asked: string[] = []
  const handler: Handler = (request, response, text) => {
    const body = JSON.parse(text)
    const type = body.stream === true ? 'text/event-stream' : 'application/json'
    response.writeHead(status, { 'content-type': type })
    if (request.url === '/v1/embeddings') {
      const embedding = vectors[body.input] ?? [0, 0, 1]
      return response.end(JSON.stringify({ data: [{ embedding }], usage: { prompt_tokens: 3 } }))
    }
    const question = body.messages.at(-1).content
    asked.push(question)
    if (status !== 200) return response.end('{"error":{"message":"no"}}')
    const content = `answer ${asked.length} to ${question}`
    const usage = { prompt_tokens: 5, completion_tokens: 7, total_tokens: 12 }
    if (body.stream !== true) {
      const message = { role: 'assistant', content }
      const choices = [{ index: 0, message, finish_reason: finish }]
      return response.end(JSON.stringify({ id: 'c', object: 'chat.completion', choices, usage }))
    }
    const chunk = (delta: object, finish_reason: string | null = null) =>
      `data: ${JSON.stringify({ id: 'c', choices: [{ index: 0, delta, finish_reason }] })}\n\n`
    for (const word of content.split(/(?<= )/)) response.write(chunk({ content: word }))
    return response.end(
      `${chunk({}, finish)}data: ${JSON.stringify({ usage })}\n\ndata: [DONE]\n\n`,
    )
  }
  const { url } = await serve(handler)
  return { url, asked }
}

export const faces = ['openai', 'anthropic', 'gemini'] as const
type Face = (typeof faces)[number]

interface Ask {
  readonly by?: string
  readonly stream?: boolean
  readonly face?: Face
  readonly more?: object
  readonly headers?: Record<string, string>
}

export async function ask(url: string, content: string, how: Ask = {}) {
  const { by = key, stream = false, face = 'openai', headers = {}, more = {} } = how
  const answer = await fetch(`${url}${pathOf(face, stream)}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${by}`, ...headers },
    body: JSON.stringify({ ...bodyOf(face, content, stream), ...more }),
  })
  const raw = await answer.text()
  const said = stream
    ? [...raw.matchAll(/"(?:content|text)":"([^"]*)"/g)].map(([, text]) => text).join('')
    : (/"(?:content|text)":"([^"]*)"/.exec(raw)?.[1] ?? '')
  return { said, raw, status: answer.status, cache: answer.headers.get('x-tutti-cache') }
}

function pathOf(face: Face, stream: boolean): string {
  if (face === 'openai') return '/v1/chat/completions'
  if (face === 'anthropic') return '/v1/messages'
  return `/v1beta/models/chat:${stream ? 'streamGenerateContent?alt=sse' : 'generateContent'}`
}

function bodyOf(face: Face, content: string, stream: boolean): object {
  if (face === 'gemini') {
    const contents = [{ role: 'user', parts: [{ text: content }] }]
    return { contents, generationConfig: { maxOutputTokens: 64 } }
  }
  return { model: 'chat', max_tokens: 64, messages: [{ role: 'user', content }], stream }
}

export const ends: Readonly<Record<Face, RegExp>> = {
  openai: /\[DONE\]/,
  anthropic: /message_stop/,
  gemini: /"finishReason":"STOP"/,
}

export async function start(cache: object, of?: Engine, more: object = {}) {
  const upstream = of ?? (await engine())
  const { gateway, push, untilEvent } = await world(signed(caching(upstream.url, cache, more)))
  return { url: gateway.url, asked: upstream.asked, upstream, push, untilEvent }
}
