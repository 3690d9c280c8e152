// Bench: gateway routing
//
// Mooncake's conversation trace (FAST25) on eight simulated engines: 25 ms of prefill for each block of 512 tokens that
// is not cached, one prompt after the other, 5 ms for each token of the answer, 10,000 cached blocks each. The decision
// is core's own, with what a gateway knows: what it sent where, and which of it has answered. Against round robin.

import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { PrefixIndex, pickEndpoint, scoreTarget, weightsOf } from '@tutti/core/routing'
import { report, round } from './report.ts'

const trace = 'routing/mooncake_conversation_trace.jsonl'
const enginesCount = 8
const blockMs = 25
const startMs = 2
const cacheBlocks = 10_000
const believedBlocks = 8_000 // a generation of the index: it holds one to two of them

interface Request {
  readonly timestamp: number
  readonly output_length: number
  readonly hash_ids: readonly number[]
}

/** One engine, and what a gateway believes of it. */
interface Engine {
  readonly cache: LruCache
  readonly believed: PrefixIndex
  /** When its prefill is free again. */
  freeMs: number
  /** Prompts that have no first token yet: when it comes, and the blocks that they add. */
  readonly waiting: { readonly firstMs: number; readonly blocks: number }[]
  /** Of those that wait, together. */
  pendingBlocks: number
}

type Pick = (engines: readonly Engine[], request: Request) => number

interface Outcome {
  readonly hitRate: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly microsPerDecision: number
}

export async function gatewayRouting(): Promise<void> {
  const repository = fileURLToPath(new URL('../..', import.meta.url))
  const data = resolve(repository, process.env['TUTTI_CONFORMANCE_DATA'] ?? '../shared/data')
  if (!existsSync(resolve(data, trace))) {
    const from = 'FAST25 traces of github.com/kvcache-ai/Mooncake'
    process.stdout.write(
      `gateway-routing: skipped, ${trace} is not in ${data}: copy it from ${from}\n`,
    )
    return
  }
  const lines = readFileSync(resolve(data, trace), 'utf8').trim().split('\n')
  const requests: Request[] = lines.map((line) => JSON.parse(line))
  let turn = 0
  const byTurn = replay(requests, () => turn++ % enginesCount)
  const byPrefix = replay(requests, pickByPrefix)
  const ceiling = ceilingOf(requests)
  const rows = [
    { strategy: 'round robin', ...rounded(byTurn, ceiling) },
    { strategy: 'prefix', ...rounded(byPrefix, ceiling) },
  ]
  report(rows, {
    bench: 'gateway-routing',
    metric: 'time to first token, p50, prefix over round robin (bound 0.57; p99 0.75)',
    ...{ value: round(byPrefix.p50Ms), unit: 'ms', peer: 'round robin' },
    ratio: round(byPrefix.p50Ms / byTurn.p50Ms),
  })
  const misses = [
    byPrefix.hitRate / ceiling < 0.9 ? 'hit rate below 90 % of the ceiling' : null,
    byPrefix.p50Ms / byTurn.p50Ms > 0.57 ? 'p50 above 0.57 of round robin' : null,
    byPrefix.p99Ms / byTurn.p99Ms > 0.75 ? 'p99 above 0.75 of round robin' : null,
    byPrefix.microsPerDecision > 20 ? 'a decision above 20 µs' : null,
  ].filter((miss) => miss !== null)
  if (misses.length > 0) process.exitCode = 1
  for (const miss of misses) process.stderr.write(`gateway-routing: ${miss}\n`)
}

function rounded(of: Outcome, ceiling: number) {
  return {
    'hit rate of ceiling': round(of.hitRate / ceiling),
    'ttft p50 ms': round(of.p50Ms),
    'ttft p99 ms': round(of.p99Ms),
    'µs per decision': round(of.microsPerDecision),
  }
}

const weights = weightsOf('prefix')

function pickByPrefix(engines: readonly Engine[], { hash_ids }: Request): number {
  if (weights === null) throw new Error('prefix has weights')
  const candidates = engines.map((engine, i) => {
    const inflight = engine.waiting.length
    const view = {
      inflight,
      pendingBlocks: engine.pendingBlocks,
      uncachedBlocks: hash_ids.length - engine.believed.matched(hash_ids),
      priceNanos: 0,
      latencyMs: 0,
      trust: 1,
      stickyClock: 0,
    }
    const score = scoreTarget(view, weights)
    return { url: String(i), region: '', release: '', inflight, healthy: true, score }
  })
  const nobody = new Set<string>()
  const context = { region: '', tried: nobody, failedReleases: nobody, chance: [0, 0] as const }
  const picked = Number(pickEndpoint(candidates, context)?.url ?? 0)
  engines[picked]?.believed.add(hash_ids)
  return picked
}

function replay(requests: readonly Request[], pick: Pick): Outcome {
  const engines: Engine[] = Array.from({ length: enginesCount }, () => ({
    ...{ cache: new LruCache(cacheBlocks), believed: new PrefixIndex(believedBlocks) },
    ...{ freeMs: 0, waiting: [], pendingBlocks: 0 },
  }))
  const firsts: number[] = []
  let hits = 0
  let blocks = 0
  let decisionMs = 0
  for (const request of requests) {
    for (const engine of engines) answer(engine, request.timestamp)
    const before = performance.now()
    const engine = engines[pick(engines, request)]
    decisionMs += performance.now() - before
    if (engine === undefined) throw new Error('an engine that is not there was picked')
    const { hash_ids, timestamp } = request
    const cached = engine.cache.matched(hash_ids)
    engine.cache.add(hash_ids)
    hits += cached
    blocks += hash_ids.length
    const uncached = hash_ids.length - cached
    engine.freeMs = Math.max(timestamp, engine.freeMs) + uncached * blockMs + startMs
    engine.waiting.push({ firstMs: engine.freeMs, blocks: uncached })
    engine.pendingBlocks += uncached
    firsts.push(engine.freeMs - timestamp)
  }
  firsts.sort((a, b) => a - b)
  const at = (part: number) => firsts[Math.floor(firsts.length * part)] ?? 0
  return {
    ...{ hitRate: hits / blocks, p50Ms: at(0.5), p99Ms: at(0.99) },
    microsPerDecision: (decisionMs * 1_000) / requests.length,
  }
}

/** First tokens that have come until then: no part of a decision, as in the gateway. */
function answer(engine: Engine, nowMs: number): void {
  while ((engine.waiting[0]?.firstMs ?? Infinity) <= nowMs) {
    engine.pendingBlocks -= engine.waiting.shift()?.blocks ?? 0
  }
}

/** The hit rate of one cache without an end. */
function ceilingOf(requests: readonly Request[]): number {
  const cache = new LruCache(Infinity)
  let hits = 0
  let blocks = 0
  for (const { hash_ids } of requests) {
    hits += cache.matched(hash_ids)
    blocks += hash_ids.length
    cache.add(hash_ids)
  }
  return hits / blocks
}

/** What an engine truly has: the least recently used block goes first. */
class LruCache {
  readonly #blocksMax: number
  readonly #blocks = new Set<number>()

  constructor(blocksMax: number) {
    this.#blocksMax = blocksMax
  }

  matched(hashes: readonly number[]): number {
    const first = hashes.findIndex((hash) => !this.#blocks.has(hash))
    return first === -1 ? hashes.length : first
  }

  add(hashes: readonly number[]): void {
    for (const hash of hashes) {
      this.#blocks.delete(hash)
      this.#blocks.add(hash)
    }
    for (const oldest of this.#blocks) {
      if (this.#blocks.size <= this.#blocksMax) return
      this.#blocks.delete(oldest)
    }
  }
}
