// Call cache
//
// One call of a route with a cache: is there an answer already, and if not, the one that comes is kept once it is
// whole. What is kept is the model's own answer: guards look at it anew each time that it is given.
//
// Invariants:
//   C6. Only a complete answer is kept that came to its own end: no error, nothing that was cut.
//   C7. What is nested deeper than calls of ours go is neither kept nor given: whoever sends an answer says so.
//   C8. Meaning is compared only where one model has said both: numbers of another mean something else.

import { type JsonObject, listOf, objectOf, readAnswer } from '@tutti/core/dialect'
import { canonicalJson } from '@tutti/core/resource'
import { AnswerStore, type CacheSpec, type Freshness } from '@tutti/core/routing'
import { isTooDeep } from '../failure.ts'
import type {
  Candidate,
  Directory,
  EventSource,
  KeyEntry,
  ReadEvent,
  RouteEntry,
  Selection,
  StreamAttempt,
  WholeAttempt,
} from '../routing/index.ts'
import { type AskedQuestion, type FoundQuestion, questionOf } from '../thread/index.ts'
import type { ChatAsked } from './chat-body.ts'
import { isOwnEnd, type KeptAnswer, type Replay, replayOf } from './kept-answer.ts'

export type AnswerCache = AnswerStore<KeptAnswer>

const cacheBytesMax = 64 * 2 ** 20 // of each process
const answerBytesMax = 2 ** 20 // a longer answer is rarely asked for again

export function newAnswerCache(): AnswerCache {
  return new AnswerStore(cacheBytesMax)
}

export interface CallCachePorts {
  readonly cache: AnswerCache
  readonly nowMs: () => number
  /** By which what is kept grows old. */
  readonly steadyMs: () => number
  /** The meaning of a text by the Route of this name; null where nobody says it. */
  readonly embed: (text: Uint8Array, route: string) => Promise<Embedded | null>
  /** What a long request asks, found beside the thread that serves. */
  readonly question: (job: AskedQuestion) => Promise<FoundQuestion>
}

export interface Embedded {
  readonly vector: Float32Array
  /** Who gave it. */
  readonly model: string
}

export interface CachedCall {
  readonly spec: CacheSpec
  readonly chat: ChatAsked
  readonly key: KeyEntry
  readonly route: RouteEntry
  readonly selection: Selection | null
  readonly directory: Directory
  readonly requestId: string
  /** The caller's `Cache-Control`. */
  readonly control: string
}

const inlineBytesMax = 16 * 2 ** 10 // to find what it asks takes a tenth of a millisecond

/** Null where nobody could say what a long request asks: then nothing is given again, or kept. */
export function openCallCache(
  ports: CallCachePorts,
  call: CachedCall,
): CallCache | Promise<CallCache | null> {
  const job = jobOf(call)
  if (job.bytes.length <= inlineBytesMax) {
    return new CallCache(ports, call, questionOf(job, call.chat.whole()))
  }
  return ports.question(job).then(
    (found) => new CallCache(ports, call, found),
    () => null,
  )
}

function jobOf(call: CachedCall): AskedQuestion {
  const { spec, chat, key, route } = call
  return {
    kind: 'question',
    dialect: chat.dialect,
    path: chat.path,
    model: chat.model,
    stream: chat.stream,
    ...(chat.beta === undefined ? {} : { beta: chat.beta }),
    place: {
      project: key.project,
      key: `${key.id} ${key.owner}`, // who is called the same later may be somebody else
      route: route.name,
      scope: spec.scope,
      identity: identityOf(call),
    },
    isSemantic: spec.semantic !== undefined,
    bytes: chat.body,
  }
}

export class CallCache {
  readonly #ports: CallCachePorts
  readonly #call: CachedCall
  readonly #question: FoundQuestion
  /** Written by `find`. */
  #meaning: { readonly context: string; readonly vector: Float32Array } | null = null
  readonly #mayRead: boolean
  readonly #mayKeep: boolean

  constructor(ports: CallCachePorts, call: CachedCall, question: FoundQuestion) {
    this.#ports = ports
    this.#call = call
    this.#question = question
    this.#mayKeep = !/\bno-store\b/i.test(call.control)
    this.#mayRead = this.#mayKeep && !/\bno-cache\b/i.test(call.control)
  }

  async find(): Promise<(Replay & { readonly how: 'exact' | 'semantic' }) | null> {
    const { cache, embed } = this.#ports
    const { spec } = this.#call
    const { exact, context, text } = this.#question
    const same = this.#mayRead ? cache.find(exact, this.#freshness()) : null
    if (same !== null) return this.#replay(same, 'exact')
    if (spec.semantic === undefined || context === null || text === null) return null
    if (!this.#mayKeep) return null
    const embedded = await embed(text, spec.semantic.route)
    if (embedded === null) return null
    const { vector, model } = embedded
    const meaning = { context: `${context} ${model}`, vector } // C8
    this.#meaning = meaning
    if (!this.#mayRead) return null
    const { threshold } = spec.semantic
    const near = cache.findNear(meaning.context, vector, { threshold, ...this.#freshness() })
    return near === null ? null : this.#replay(near, 'semantic')
  }

  /** The same outcome; what is kept of it is kept when it is whole. */
  keep<Outcome extends WholeAttempt | StreamAttempt>(
    outcome: Outcome,
    candidate: Candidate,
  ): Outcome {
    if (!this.#mayKeep || candidate.provider === null) return outcome
    const { headers } = outcome
    // The request's own bytes are not kept with it.
    const giver = { ...candidate, outbound: { ...candidate.outbound, body: null } }
    if (outcome.kind === 'stream') {
      const kept = (events: readonly ReadEvent[]) =>
        this.#keep({ form: { kind: 'stream', events }, headers, candidate: giver })
      return { ...outcome, stream: recorded(outcome.stream, kept) }
    }
    const { body, parsed } = outcome
    if (outcome.status !== 200 || body.length > answerBytesMax) return outcome
    const { dialect } = candidate.provider
    const stop = shallow(() => readAnswer(dialect, objectOf(parsed)).stop)
    const isOwn = stop !== null && isOwnEnd([{ kind: 'stop', choice: 0, stop }])
    if (!isOwn || isCut(objectOf(parsed))) return outcome // C6
    this.#keep({ form: { kind: 'whole', body, parsed }, headers, candidate: giver })
    return outcome
  }

  /** As the Route has it by now, and not when the answer came. */
  #freshness(): Freshness {
    return { nowMs: this.#ports.steadyMs(), ttlMs: this.#call.spec.ttlS * 1_000 }
  }

  #replay(kept: KeptAnswer, how: 'exact' | 'semantic') {
    const { chat, requestId } = this.#call
    const about = { requestId, nowMs: this.#ports.nowMs() }
    const replay = shallow(() => replayOf(kept, chat, about))
    return replay === null ? null : { ...replay, how }
  }

  #keep(answer: KeptAnswer): void {
    const { cache, steadyMs } = this.#ports
    const sinceMs = steadyMs()
    const meaning = this.#meaning
    const bytes = bytesOf(answer) + (meaning?.vector.byteLength ?? 0)
    cache.keep(this.#question.exact, { answer, bytes, sinceMs }, meaning)
  }
}

/** C7: null for what is nested too deep. */
function shallow<Read>(read: () => Read): Read | null {
  try {
    return read()
  } catch (error) {
    if (isTooDeep(error)) return null
    throw error
  }
}

/** True where any of several choices did not come to its own end. */
function isCut({ choices, candidates }: JsonObject): boolean {
  const reasons = listOf(choices).map((one) => objectOf(one)['finish_reason'])
  const geminis = listOf(candidates).map((one) => objectOf(one)['finishReason'])
  const isOpenais = reasons.includes('length') || reasons.includes('content_filter')
  return isOpenais || geminis.some((reason) => reason !== 'STOP')
}

const entryBytes = 1_024 // of an entry without its contents

/** Parsed values take some times as much as their text. */
function bytesOf({ form }: KeptAnswer): number {
  if (form.kind === 'whole') return entryBytes + 4 * form.body.length
  return form.events.reduce((sum, { raw }) => sum + 3 * raw.length + 256, entryBytes)
}

/** Passes on what it reads; `onWhole` gets all of it, once the stream has ended well (C6). */
function recorded(
  source: EventSource,
  onWhole: (events: readonly ReadEvent[]) => void,
): EventSource {
  const events: ReadEvent[] = []
  let bytes = 0 // written by `note`; above the bound nothing is kept
  const note = (turn: Awaited<ReturnType<EventSource['next']>>) => {
    if (turn.kind === 'event') {
      bytes += turn.event.raw.length
      if (bytes <= answerBytesMax) events.push({ ...turn.event, raw: Buffer.from(turn.event.raw) })
      else events.length = 0
    } else if (turn.kind === 'end' && bytes <= answerBytesMax) {
      if (isOwnEnd(events.flatMap((one) => one.events))) onWhole(events)
    }
    return turn
  }
  return {
    next: () => {
      const turn = source.next()
      return turn instanceof Promise ? turn.then(note) : note(turn)
    },
    cancel: () => source.cancel(),
  }
}

/** Who may answer, and with which releases: after a rollout nothing of before is found. */
function identityOf({ route, selection, directory, key }: CachedCall): string {
  const targets = selection?.targets ?? route.targets
  return canonicalJson(
    targets.map((target) => {
      if ('provider' in target) {
        const provider = directory.provider(key.project, target.provider)
        return [target.provider, target.model, provider?.baseUrl ?? '', provider?.dialect ?? '']
      }
      const deployment = directory.deployment(key.project, target.deployment)
      const releases = (deployment?.endpoints ?? []).map(({ release }) => release)
      return [target.deployment, ...new Set(releases.sort())]
    }),
  )
}
