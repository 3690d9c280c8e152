// OIP face
//
// The answers of a node in the Open Inference Protocol v2 (REST). This file turns questions into answers;
// `OipServer` owns the sockets.
//
// Invariants:
//   O1. Nothing but /healthz is answered without `authorize`, and nothing to a page of somebody else.
//   O2. Every answer carries x-request-id: the caller's where it is fit for a header, else a new one.
//   O3. Whatever comes in, an error is {"error": …} with a status that says whose fault it is.

import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { whyForeign } from '@tutti/core/governance'
import { Failure, type FailureCode } from '../failure.ts'
import { formatInferAnswer, type HttpContent } from './infer-answer.ts'
import { parseInferRequest, parseJson, parseJsonLength, parseObject } from './infer-request.ts'
import { labelRows } from './label.ts'
import { answeringOf, type ModelServer } from './model-server.ts'
import { formatIndex, formatMetadata, formatStatistics } from './oip-pages.ts'
import { type OipQuestion, parseOipRoute } from './oip-route.ts'
import type { BodyReader } from './read-body.ts'
import type { Judgement, RecentPredictions } from './recent-predictions.ts'
import type { ServedModel } from './served-model.ts'
import type { Slot } from './slot.ts'

export interface OipPorts {
  readonly models: ModelServer
  readonly predictions: RecentPredictions
  readonly bodies: BodyReader
  /** True where the caller may ask. */
  readonly authorize: (request: IncomingMessage) => boolean
  /** Host names besides loopback ones that requests may be addressed to. */
  readonly hosts: readonly string[]
  /** The node's own version. */
  readonly version: string
  /** Told of what is no failure of the world but a bug of ours; the caller gets a 500. */
  readonly reportBug: (thrown: unknown) => void
}

export interface HttpAnswer extends HttpContent {
  readonly status: number
}

/** Answers one request; never throws. */
export async function answerOip(ports: OipPorts, request: IncomingMessage): Promise<HttpAnswer> {
  const requestId = requestIdOf(request)
  const answer = await answerRoute(ports, request, requestId).catch((thrown: unknown) => {
    if (!(thrown instanceof Failure)) ports.reportBug(thrown)
    return answerFailure(thrown) // O3
  })
  return { ...answer, headers: { ...answer.headers, 'x-request-id': requestId } } // O2
}

async function answerRoute(
  ports: OipPorts,
  request: IncomingMessage,
  requestId: string,
): Promise<HttpAnswer> {
  const foreign = whyForeign(request.headers, ports.hosts)
  if (foreign !== null) return json(403, { error: foreign }) // O1
  const route = parseOipRoute(request.method ?? '', request.url ?? '')
  if (route.kind === 'healthz') return json(200, { ok: true })
  if (!ports.authorize(request)) {
    return json(
      401,
      { error: 'credentials are missing or wrong' },
      { 'www-authenticate': 'Bearer' },
    )
  }
  const encoding = request.headers['content-encoding'] ?? 'identity'
  if (encoding !== 'identity') {
    return json(415, { error: `content-encoding ${encoding}: expected none` })
  }
  switch (route.kind) {
    case 'infer':
      return await ports.bodies.use(request, (body) =>
        infer(ports, { ...route, requestId }, { request, body }),
      )
    case 'feedback':
      return await ports.bodies.use(request, async (body) => feedback(ports, body))
    case 'index':
      return await ports.bodies.use(request, async (body) => index(ports, body))
    default:
      return answerQuestion(ports, route)
  }
}

function answerQuestion(ports: OipPorts, route: OipQuestion): HttpAnswer {
  const { models } = ports
  switch (route.kind) {
    case 'live':
      return json(200, { live: true })
    case 'ready': {
      // A model that is being installed for the first time must not take the node out of service.
      const ready = models.list().every(({ slot }) => slot.phase === 'idle' || isReady(slot))
      return json(ready ? 200 : 503, { live: true, ready }) // the specification asks for `live`
    }
    case 'metadata':
      return json(200, {
        name: 'tutti',
        version: ports.version,
        extensions: ['binary_tensor_data', 'model_repository_index', 'statistics'],
      })
    case 'model-metadata': {
      const model = models.resolve(route.model, route.version)
      return json(200, formatMetadata(model, versionsOf(models, route.model)))
    }
    case 'model-ready': {
      const ready = models.resolve(route.model, route.version).state.phase === 'ready'
      return json(ready ? 200 : 503, { name: route.model, ready })
    }
    case 'model-stats':
      return json(200, formatStatistics([models.resolve(route.model, route.version)]))
    case 'all-stats':
      return json(200, formatStatistics(models.list().flatMap(({ slot }) => answeringOf(slot))))
    case 'wrong-method':
      return json(405, { error: `method not allowed, use ${route.allow}` }, { allow: route.allow })
    case 'nothing':
      return json(404, { error: 'no such path; GET /v2 says what is here' })
  }
}

interface Inference {
  readonly model: string
  readonly version: string | null
  readonly requestId: string
}

async function infer(
  ports: OipPorts,
  { model: name, version, requestId }: Inference,
  { request, body }: { readonly request: IncomingMessage; readonly body: Buffer },
): Promise<HttpAnswer> {
  const header = request.headers['inference-header-content-length']
  const jsonBytes = parseJsonLength(
    typeof header === 'string' ? header : undefined,
    body.byteLength,
  )
  const model = ports.models.resolve(name, version)
  const { id, inputs, outputs, timeoutMs } = parseInferRequest(body, jsonBytes, model)
  const names = outputs.map((output) => output.name)
  const { prediction } = model.request
  const judged =
    prediction === undefined || names.includes(prediction.output) ? [] : [prediction.output]
  const answers = await model.infer(inputs, [...names, ...judged], timeoutMs)
  if (prediction !== undefined) {
    ports.predictions.remember(requestId, model, labelRows(prediction, answers))
  }
  const answer = {
    model: name,
    version: model.version,
    id,
    outputs: answers.slice(0, names.length),
  }
  const { headers, body: content } = formatInferAnswer(answer, outputs)
  const about = { 'x-tutti-release': model.release, 'x-tutti-variant': model.request.variant.name }
  return { status: 200, headers: { ...headers, ...about }, body: content }
}

/** {"request_id", "label", "item"?}: the truth; `item` counts from 0 in a request of several. */
function feedback({ predictions }: OipPorts, body: Buffer): HttpAnswer {
  const {
    request_id: requestId,
    label,
    item = 0,
  } = parseObject(parseJson(body.toString('utf8')), 'feedback')
  if (typeof requestId !== 'string')
    throw invalid('request_id: expected the x-request-id of an answer')
  if (typeof label !== 'string') throw invalid('label: expected a string')
  if (typeof item !== 'number' || !Number.isInteger(item))
    throw invalid('item: expected an integer')
  return answerJudgement(predictions.judge(requestId, item, label))
}

function answerJudgement(judgement: Judgement): HttpAnswer {
  if (judgement.ok) return json(200, { correct: judgement.correct, counted: judgement.counted })
  switch (judgement.reason) {
    case 'unknown-request':
      return json(404, { error: 'unknown request_id, or too long ago' })
    case 'no-label':
      return json(404, { error: 'the model gave no label for that request and item' })
    case 'contradiction':
      return json(409, { error: 'another label was given for that request and item before' })
  }
}

/** The repository index extension; {"ready": true} leaves out what does not answer. */
function index({ models }: OipPorts, body: Buffer): HttpAnswer {
  const asked = body.byteLength === 0 ? {} : parseObject(parseJson(body.toString('utf8')), 'index')
  const entries = formatIndex(models.list())
  return json(
    200,
    asked['ready'] === true ? entries.filter(({ state }) => state === 'READY') : entries,
  )
}

const statuses: ReadonlyMap<FailureCode, number> = new Map<FailureCode, number>([
  ['node/request-invalid', 400],
  ['node/answer-not-json', 400],
  ['node/model-unknown', 404],
  ['node/request-too-large', 413],
  ['node/model-not-ready', 503],
  ['node/overloaded', 503],
  ['node/deadline-exceeded', 504],
])

function answerFailure(thrown: unknown): HttpAnswer {
  if (!(thrown instanceof Failure)) return json(500, { error: 'the node failed, this is its bug' })
  const status = statuses.get(thrown.code) ?? 500
  const waitSeconds = Math.max(1, Math.ceil((thrown.retryAfterMs ?? 0) / 1_000))
  const headers: Record<string, string> =
    status === 503 ? { 'retry-after': String(waitSeconds) } : {}
  return json(status, { error: thrown.message }, headers)
}

function json(
  status: number,
  content: unknown,
  headers: Readonly<Record<string, string>> = {},
): HttpAnswer {
  const body = Buffer.from(JSON.stringify(content), 'utf8')
  return { status, headers: { 'content-type': 'application/json', ...headers }, body }
}

function isReady(slot: Slot<ServedModel>): boolean {
  return slot.phase === 'serving' && slot.active.state.phase === 'ready'
}

function versionsOf(models: ModelServer, name: string): string[] {
  return models
    .list()
    .filter(({ model }) => model === name)
    .flatMap(({ slot }) => answeringOf(slot).map(({ version }) => version))
}

function requestIdOf({ headers }: IncomingMessage): string {
  const given = headers['x-request-id']
  return typeof given === 'string' && /^[\x21-\x7e]{1,128}$/.test(given) ? given : randomUUID()
}

function invalid(message: string): Failure {
  return new Failure('node/request-invalid', message)
}
