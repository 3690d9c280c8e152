// Served model
//
// One version of a model in memory: its worker, the queue before it, what it did. The rest of the node holds
// it as a handle from `ModelServer.stage` until it ends. A worker that dies is started again, with growing
// pauses, until it has died too often; then this version is dead for good.
//
// Invariants:
//   V1. Every inference settles, whatever becomes of the worker.
//   V2. A model that ends finishes what it has accepted, and accepts no more.

import { dirname, relative } from 'node:path'
import { performance } from 'node:perf_hooks'
import type { Prediction, Variant } from '@tutti/core/fleet'
import { Failure, type FailureCode, messageOf } from '../failure.ts'
import { Batcher } from './batcher.ts'
import type { BatchingState } from './decide-batching.ts'
import { decideRestart, type RestartPolicy } from './decide-restart.ts'
import { ModelWorker, type ModelWorkerOptions, type RunAnswer } from './model-worker.ts'
import { isBatchable, type ModelSignature, signatureOf } from './signature.ts'
import { type ModelStatistics, StatisticsCounter } from './statistics.ts'
import type { Telemetry } from './telemetry.ts'
import { type Tensor, zeros } from './tensor.ts'
import type { OnnxRuntime } from './thread-message.ts'

/** What to load, and under which name it will answer. */
export interface StageRequest {
  /** The name that callers use. */
  readonly model: string
  readonly version: string
  /** Digest of the release; answers carry it. */
  readonly release: string
  readonly variant: Variant
  readonly prediction?: Prediction
  /** Path of the variant's first file on this machine. */
  readonly entryPath: string
  /** Threads for this model; without it, the server's choice. */
  readonly threads?: number
}

export interface ServedModelOptions {
  readonly threads: number
  readonly runtime: ModelWorkerOptions['runtime']
  readonly loadMsMax: number
  readonly runMsMax: number
  /** The longest that a caller waits for an answer. */
  readonly timeoutMs: number
  readonly queueMax: number
  readonly queueBytesMax: number
  readonly restart: RestartPolicy
  readonly telemetry: Telemetry
  readonly onState: (model: ServedModel) => void
  readonly threadUrl?: URL
}

export type ServedState =
  | { readonly phase: 'ready'; readonly worker: ModelWorker }
  /** The worker died; the next starts after a pause. */
  | { readonly phase: 'restarting'; readonly failure: Failure; readonly afterMs: number }
  /** The worker died too often. */
  | { readonly phase: 'dead'; readonly failure: Failure }
  /** Finishes what was accepted, accepts no more. */
  | { readonly phase: 'draining'; readonly worker: ModelWorker }
  | { readonly phase: 'ended' }

// These count against the model; a caller's bad input and a node that is full do not.
const modelErrors: ReadonlySet<FailureCode> = new Set<FailureCode>([
  'node/run-failed',
  'node/run-stuck',
  'node/worker-died',
  'node/deadline-exceeded',
  'node/model-not-ready',
])

export class ServedModel {
  readonly request: StageRequest
  readonly signature: ModelSignature
  readonly runtime: OnnxRuntime
  /** Memory that the version is reckoned to take. */
  readonly memoryBytes: number
  /** Greatest number of items along dimension 0 in one request; 1 where it counts no items. */
  readonly batchMax: number
  readonly #options: ServedModelOptions
  readonly #batcher: Batcher
  readonly #statistics: StatisticsCounter
  /** Written by `#setState` alone. */
  #state: ServedState
  /** Requests accepted and not yet settled; written by `infer`. */
  #outstanding = 0
  /** Told when `#outstanding` falls to 0: `drained` adds, `infer` empties. */
  #drainWaiters: (() => void)[] = []
  /** Times of the worker's deaths, the last few: written by `#onDeath`. */
  #crashesMs: number[] = []
  /** The pause before the next start; written by `#onDeath` and `end`. */
  #restartTimer: NodeJS.Timeout | null = null

  /** Loads the model and warms it; throws `node/model-load-failed` or `node/model-mismatch`. */
  static async load(request: StageRequest, options: ServedModelOptions): Promise<ServedModel> {
    const worker = await startWorker(request, options)
    return new ServedModel(request, options, worker)
  }

  private constructor(request: StageRequest, options: ServedModelOptions, worker: ModelWorker) {
    const { variant } = request
    const fileBytes = variant.files.reduce((sum, file) => sum + file.sizeBytes, 0)
    this.request = request
    this.signature = signatureOf(variant, worker.signature)
    this.runtime = worker.runtime
    this.memoryBytes = Math.max(fileBytes, variant.requires.memoryBytes)
    this.batchMax = isBatchable(this.signature) ? variant.batchMax : 1
    this.#options = options
    this.#state = { phase: 'ready', worker }
    this.#statistics = new StatisticsCounter(this.batchMax)
    this.#batcher = new Batcher(
      {
        run: (inputs, outputs) => this.#run(inputs, outputs),
        nowMicros: () => performance.now() * 1_000,
        observe: (run) => this.#statistics.countRun(run),
      },
      {
        batchMax: this.batchMax,
        queueMax: options.queueMax,
        queueBytesMax: options.queueBytesMax,
      },
    )
    this.#attend(worker)
  }

  get model(): string {
    return this.request.model
  }

  get version(): string {
    return this.request.version
  }

  get release(): string {
    return this.request.release
  }

  get state(): ServedState {
    return this.#state
  }

  /** Whether batching was found to pay, and by how much. */
  get batching(): BatchingState {
    return this.#batcher.batching
  }

  get queued(): number {
    return this.#batcher.queued
  }

  /** Requests that were accepted and have no answer yet. */
  get outstanding(): number {
    return this.#outstanding
  }

  readStatistics(): ModelStatistics {
    return this.#statistics.read()
  }

  /**
   * Answers with the outputs in the order asked for; takes over the buffers of the inputs. A caller
   * may have less time (`callerMs`) than the node gives; its running out is no error of the model.
   */
  async infer(
    inputs: readonly Tensor[],
    outputs: readonly string[],
    callerMs: number | null,
  ): Promise<readonly Tensor[]> {
    const { phase } = this.#state
    if (phase === 'draining' || phase === 'ended') throw notReady(this, 'has ended') // V2
    const timeoutMs = Math.min(callerMs ?? this.#options.timeoutMs, this.#options.timeoutMs)
    const startedMs = performance.now()
    this.#outstanding += 1
    try {
      const answer = await this.#batcher.submit({ inputs, outputs, timeoutMs })
      const micros = (performance.now() - startedMs) * 1_000
      this.#options.telemetry.countAnswer(this, micros)
      this.#statistics.countAnswer(micros, Date.now())
      return answer
    } catch (thrown) {
      if (!(thrown instanceof Failure)) throw thrown
      const micros = (performance.now() - startedMs) * 1_000
      const impatient =
        thrown.code === 'node/deadline-exceeded' && timeoutMs < this.#options.timeoutMs
      if (modelErrors.has(thrown.code) && !impatient) this.#options.telemetry.countError(this)
      this.#statistics.countError(micros)
      throw named(thrown, this)
    } finally {
      this.#outstanding -= 1
      if (this.#outstanding === 0) {
        for (const tell of this.#drainWaiters.splice(0)) tell()
      }
    }
  }

  /** One run outside the queue and the counts: for the probe. */
  async inferAlone(
    inputs: readonly Tensor[],
    outputs: readonly string[],
  ): Promise<readonly Tensor[]> {
    return (await this.#run(inputs, outputs)).outputs
  }

  /** Settles when nothing that was accepted is under way. */
  drained(): Promise<void> {
    if (this.#outstanding === 0) return Promise.resolve()
    return new Promise((resolve) => this.#drainWaiters.push(resolve))
  }

  /** Finishes what was accepted, then ends the worker. */
  async end(): Promise<void> {
    switch (this.#state.phase) {
      case 'ready': {
        const { worker } = this.#state
        this.#setState({ phase: 'draining', worker })
        await this.drained() // V2
        this.#setState({ phase: 'ended' })
        return await worker.end()
      }
      case 'restarting':
      case 'dead':
        if (this.#restartTimer !== null) clearTimeout(this.#restartTimer)
        this.#setState({ phase: 'ended' })
        return await this.drained()
      case 'draining':
      case 'ended':
        return await this.drained()
    }
  }

  async #run(inputs: readonly Tensor[], outputs: readonly string[]): Promise<RunAnswer> {
    switch (this.#state.phase) {
      case 'ready':
      case 'draining':
        return await this.#state.worker.run(inputs, outputs)
      case 'restarting': {
        const { afterMs, failure } = this.#state
        throw notReady(this, `is restarting: ${failure.message}`, afterMs)
      }
      case 'dead':
        throw notReady(this, `is dead: ${this.#state.failure.message}`)
      case 'ended':
        throw notReady(this, 'has ended')
    }
  }

  #attend(worker: ModelWorker): void {
    void worker.died.then((failure) => this.#onDeath(failure))
  }

  #onDeath(failure: Failure): void {
    if (this.#state.phase === 'draining') return // end() is at work (V1)
    const { restart } = this.#options
    const nowMs = Date.now()
    this.#crashesMs = [...this.#crashesMs, nowMs].slice(-restart.crashesMax - 1)
    const decision = decideRestart(restart, this.#crashesMs, nowMs)
    if (decision.kind === 'give-up') {
      this.#setState({ phase: 'dead', failure })
      return
    }
    const { afterMs } = decision
    this.#setState({ phase: 'restarting', failure, afterMs })
    this.#restartTimer = setTimeout(() => void this.#restart(), afterMs)
  }

  async #restart(): Promise<void> {
    const result = await startWorker(this.request, this.#options).catch(failureOf)
    const ended = this.#state.phase !== 'restarting'
    if (result instanceof Failure) {
      if (!ended) this.#onDeath(result)
    } else if (ended) {
      await result.end()
    } else {
      this.#setState({ phase: 'ready', worker: result })
      this.#attend(result)
    }
  }

  #setState(state: ServedState): void {
    this.#state = state
    this.#options.onState(this)
  }
}

async function startWorker(
  request: StageRequest,
  options: ServedModelOptions,
): Promise<ModelWorker> {
  const { entryPath, variant } = request
  const [entry, ...others] = variant.files.map((file) => file.path)
  const worker = await ModelWorker.load({
    entryPath,
    ...(entry === undefined ? {} : { entryName: entry }),
    weightPaths: others
      .filter((path) => path !== variant.golden)
      .map((path) => relative(dirname(entry ?? ''), path)),
    threads: request.threads ?? options.threads,
    runtime: options.runtime,
    loadMsMax: options.loadMsMax,
    runMsMax: options.runMsMax,
    ...(options.threadUrl === undefined ? {} : { threadUrl: options.threadUrl }),
  })
  try {
    await warm(worker, signatureOf(variant, worker.signature))
    return worker
  } catch (thrown) {
    await worker.end()
    throw thrown
  }
}

/** One run over zeros, so that the first caller does not pay for the first allocations. */
async function warm(worker: ModelWorker, signature: ModelSignature): Promise<void> {
  const outputs = signature.outputs.map(({ name }) => name)
  try {
    await worker.run(signature.inputs.map(zeros), outputs)
  } catch (thrown) {
    // Zeros may be no valid input of this model; whether it works at all is the probe's question.
    if (thrown instanceof Failure && thrown.code === 'node/run-failed') return
    const message = `the model died while it warmed: ${messageOf(thrown)}`
    throw new Failure('node/model-load-failed', message, { cause: thrown })
  }
}

function failureOf(thrown: unknown): Failure {
  if (thrown instanceof Failure) return thrown
  return new Failure('node/model-load-failed', messageOf(thrown), { cause: thrown })
}

/** The same failure with the model's name in front, for whoever asked. */
function named(failure: Failure, { model, version }: ServedModel): Failure {
  if (failure.code === 'node/model-not-ready') return failure
  const what = failure.code === 'node/run-failed' ? 'failed on this input: ' : ''
  return new Failure(failure.code, `model ${model} ${version} ${what}${failure.message}`, {
    cause: failure,
    ...(failure.retryAfterMs === null ? {} : { retryAfterMs: failure.retryAfterMs }),
  })
}

function notReady(
  { model, version }: ServedModel,
  complaint: string,
  retryAfterMs?: number,
): Failure {
  const message = `model ${model} ${version} ${complaint}`
  return new Failure('node/model-not-ready', message, {
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  })
}
