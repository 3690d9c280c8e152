// Call AsyncAPI
//
// `call: asyncapi`: sends a message to a channel, or takes messages from one, over HTTP, server-sent events or WebSocket.
// Brokers are refused by name: reaching one is a connection that outlives a step.

import type { Json } from '@tutti/core/resource'
import { standardError } from '@tutti/core/workflow'
import { createParser } from 'eventsource-parser'
import { WebSocket } from 'ws'
import { z } from 'zod'
import { ActFailed } from './act.ts'
import { findSpot, type Spot } from './asyncapi-document.ts'
import { authenticateCall } from './authenticate-call.ts'
import { callHttp, contentOf, httpArguments } from './call-http.ts'
import type { Caller } from './caller.ts'
import { plainCredentials } from './plain-credentials.ts'
import { Subscription, subscription } from './subscription.ts'

const record = z.record(z.string(), z.json())
const endpoint = z.union([z.string(), z.looseObject({ uri: z.string() })])
const asyncapiArguments = z.looseObject({
  document: z.looseObject({ endpoint }),
  channel: z.string().optional(),
  operation: z.string().optional(),
  protocol: z.string().optional(),
  server: z.looseObject({ name: z.string(), variables: record.default({}) }).optional(),
  message: z.looseObject({ payload: z.json().optional(), headers: record.optional() }).optional(),
  subscription: subscription.optional(),
  authentication: z.json().optional(),
  /** What the expressions of a subscription may name. */
  sight: record.default({}),
})
type AsyncapiArguments = z.infer<typeof asyncapiArguments>

const openMsMax = 30_000 // a WebSocket that is not open by then is not there

export async function callAsyncapi(given: Json, caller: Caller): Promise<Json> {
  const parsed = asyncapiArguments.safeParse(given)
  if (!parsed.success) throw failed('configuration', `not complete: ${parsed.error.message}`)
  const args = parsed.data
  const { endpoint: at } = args.document
  const url = typeof at === 'string' ? at : at.uri
  const { server, channel, operation, protocol } = args
  const wanted = { channel, operation, protocol, ...(server === undefined ? {} : { server }) }
  const spot = findSpot(await fetchDocument(url, caller), wanted)
  const { isSocket } = spot
  if (args.subscription === undefined) {
    return await (isSocket ? sendOver(spot, args, caller) : post(spot, args, caller))
  }
  const taken = new Subscription(args.subscription, args.sight, () => Date.now())
  await (isSocket ? listenOver(spot, args, { taken, caller }) : follow(spot, args, taken, caller))
  return taken.messages
}

async function fetchDocument(url: string, caller: Caller): Promise<Json> {
  const headers = { accept: 'application/json' }
  const { signal } = caller
  const answer = await caller.egress({ method: 'GET', url, headers, body: null, signal })
  if (answer.status !== 200) throw failed('configuration', `${url} answered ${answer.status}`)
  return contentOf({ ...answer, headers: { 'content-type': 'application/json' } })
}

async function post(spot: Spot, args: AsyncapiArguments, caller: Caller): Promise<Json> {
  const { authentication, message } = args
  const request = httpArguments.parse({
    method: spot.method ?? 'post',
    endpoint: {
      uri: spot.url,
      ...(authentication === undefined ? {} : { authentication }),
    },
    headers: message?.headers ?? {},
    body: message?.payload ?? {},
  })
  return await callHttp(request, caller)
}

/** Server-sent events, from the first that comes. */
async function follow(
  spot: Spot,
  args: AsyncapiArguments,
  taken: Subscription,
  caller: Caller,
): Promise<void> {
  let enough = false
  let thrown: unknown = null // by an expression, in the middle of a chunk
  const parser = createParser({
    onEvent: ({ data, event = null, id = null }) => {
      if (enough) return
      try {
        enough = taken.take({ payload: payloadOf(data), headers: { event, id } })
      } catch (error) {
        thrown = error
        enough = true
      }
    },
  })
  const decoder = new TextDecoder()
  const time = AbortSignal.timeout(taken.forMs)
  const request = {
    ...{ method: 'GET', url: spot.url, headers: { accept: 'text/event-stream' }, body: null },
    signal: AbortSignal.any([caller.signal, time]),
    isEnough: (chunk: Buffer) => {
      parser.feed(decoder.decode(chunk, { stream: true }))
      return enough
    },
  }
  try {
    const answer = await authenticateCall(request, args.authentication ?? null, caller)
    if (answer.status !== 200) {
      const detail = `${spot.url} answered ${answer.status}`
      throw new ActFailed(standardError('communication', detail, { status: answer.status }))
    }
  } catch (error) {
    if (!time.aborted || caller.signal.aborted) throw error
  }
  if (thrown !== null) throw thrown
}

async function sendOver(spot: Spot, args: AsyncapiArguments, caller: Caller): Promise<Json> {
  const socket = await openSocket(spot, args, caller)
  const text = JSON.stringify(args.message?.payload ?? {})
  await new Promise<void>((resolve, reject) => {
    socket.on('error', (error) => reject(unreachable(spot, error)))
    // The other side's close says that it has read what came before ours.
    socket.on('close', () => resolve())
    socket.resume()
    socket.send(text, () => socket.close(1000))
  })
  return null
}

async function listenOver(
  spot: Spot,
  args: AsyncapiArguments,
  { taken, caller }: { readonly taken: Subscription; readonly caller: Caller },
): Promise<void> {
  const socket = await openSocket(spot, args, caller)
  let timer: NodeJS.Timeout | undefined
  let isOver = false // the listener writes
  try {
    await new Promise<void>((resolve, reject) => {
      timer = setTimeout(resolve, taken.forMs)
      caller.signal.addEventListener('abort', () => reject(caller.signal.reason), { once: true })
      socket.on('error', (error) => reject(unreachable(spot, error)))
      socket.on('close', () => resolve())
      socket.on('message', (data) => {
        try {
          if (isOver) return // what had come already is not taken any more
          isOver = taken.take({ payload: payloadOf(String(data)), headers: {} })
          if (isOver) resolve()
        } catch (error) {
          reject(error)
        }
      })
      socket.resume()
    })
  } finally {
    clearTimeout(timer)
    socket.terminate()
  }
}

/** Goes to the address that was judged, whatever the name says a moment later. */
async function openSocket(spot: Spot, args: AsyncapiArguments, caller: Caller): Promise<WebSocket> {
  const authorization = plainCredentials(args.authentication, 'WebSocket')
  const address = await caller.reach(new URL(spot.url).hostname)
  const family = address.includes(':') ? 6 : 4
  const socket = new WebSocket(spot.url, {
    headers: {
      'idempotency-key': caller.idempotencyKey,
      ...(authorization === null ? {} : { authorization }),
    },
    handshakeTimeout: openMsMax,
    lookup: (_, options, callback) => {
      if (options.all === true) callback(null, [{ address, family }])
      else callback(null, address, family)
    },
  })
  return await new Promise((resolve, reject) => {
    socket.once('open', () => {
      socket.pause() // until somebody listens
      resolve(socket)
    })
    socket.once('error', (error) => reject(unreachable(spot, error)))
  })
}

function payloadOf(text: string): Json {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

function unreachable(spot: Spot, error: Error): ActFailed {
  return failed('communication', `${new URL(spot.url).host}: ${error.message}`)
}

function failed(kind: 'configuration' | 'communication', detail: string): ActFailed {
  return new ActFailed(standardError(kind, detail))
}
