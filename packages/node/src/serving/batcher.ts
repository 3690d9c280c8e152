// Batcher
//
// The queue before one model: bounded, first come first served, and where it pays (`decideBatching`)
// several requests of one shape go through the model as one, along dimension 0. It never waits for company:
// a batch is what has gathered while the worker was busy.
//
// Invariants:
//   Q1. Every request settles exactly once: answered, failed, or past its deadline.
//   Q2. The queue holds at most `queueMax` requests and `queueBytesMax` bytes; more are refused at once.
//   Q3. One request's bad input fails that request alone: a batch that fails is run again one by one.
//       (Input that kills the worker fails all that is under way; nobody can tell whose it was.)

import { assert } from '../assert.ts'
import { Failure } from '../failure.ts'
import {
  type BatchingState,
  type BatchMode,
  batchingStart,
  batchLimit,
  batchMode,
  decideBatching,
} from './decide-batching.ts'
import type { RunAnswer } from './model-worker.ts'
import { bytesOf, concatTensors, splitTensor, type Tensor } from './tensor.ts'

export interface BatcherPorts {
  readonly run: (inputs: readonly Tensor[], outputs: readonly string[]) => Promise<RunAnswer>
  readonly nowMicros: () => number
  /** Told of every run, for statistics. */
  readonly observe: (run: ObservedRun) => void
}

export interface ObservedRun {
  readonly items: number
  readonly runMicros: number
  /** Time that the run's requests waited, summed. */
  readonly queuedMicros: number
}

export interface BatcherLimits {
  /** Greatest number of items in one run; below 2 nothing is batched. */
  readonly batchMax: number
  readonly queueMax: number
  readonly queueBytesMax: number
}

export interface BatcherRequest {
  /** In the order of the signature, all with the same dimension 0 where the model batches. */
  readonly inputs: readonly Tensor[]
  readonly outputs: readonly string[]
  readonly timeoutMs: number
}

interface Job extends BatcherRequest {
  readonly items: number
  readonly bytes: number
  /** Jobs of one key may share a run; null never shares. */
  readonly key: string | null
  readonly queuedAtMicros: number
  readonly resolve: (outputs: readonly Tensor[]) => void
  readonly reject: (failure: unknown) => void
}

interface Settled {
  readonly job: Job
  readonly outcome: PromiseSettledResult<readonly Tensor[]>
}

// 2: while the worker computes one run, the next waits at its door, so that it never idles for the length
// of a message. More would only make batches smaller.
const runsMax = 2
const averageWeight = 0.1

export class Batcher {
  readonly #ports: BatcherPorts
  readonly #limits: BatcherLimits
  /** Waiting jobs, oldest first: `submit` adds, `#take` and `#expire` remove. */
  #queue: Job[] = []
  /** Bytes of `#queue`; written where the queue is. */
  #queueBytes = 0
  /** Runs under way; written by `#dispatch`. */
  #running = 0
  /** When the last run ended; written by `#account`. */
  #lastEndMicros = 0
  /** Moving average of the time that one item takes; written by `#account`. */
  #microsPerItem = 0
  /** Written by `#account`. */
  #batching: BatchingState = batchingStart
  /** False once outputs of a batch could not be told apart; written by `#runTogether`. */
  #divisible = true

  constructor(ports: BatcherPorts, limits: BatcherLimits) {
    this.#ports = ports
    this.#limits = limits
  }

  get batching(): BatchingState {
    return this.#batching
  }

  get queued(): number {
    return this.#queue.length
  }

  /** Answers with the outputs in the order asked for; takes over the buffers of the inputs. */
  async submit(request: BatcherRequest): Promise<readonly Tensor[]> {
    const bytes = request.inputs.reduce((sum, input) => sum + bytesOf(input), 0)
    this.#assertRoom(bytes)
    return await new Promise<readonly Tensor[]>((resolve, reject) => {
      const timer = setTimeout(() => this.#expire(job), request.timeoutMs)
      const settle =
        <T>(how: (value: T) => void) =>
        (value: T) => {
          clearTimeout(timer)
          how(value) // Q1: a promise settles once
        }
      const job: Job = {
        ...request,
        bytes,
        items: request.inputs[0]?.shape[0] ?? 0,
        key: keyOf(request),
        queuedAtMicros: this.#ports.nowMicros(),
        resolve: settle(resolve),
        reject: settle(reject),
      }
      this.#queue.push(job)
      this.#queueBytes += bytes
      this.#pump()
    })
  }

  #assertRoom(bytes: number): void {
    const { queueMax, queueBytesMax } = this.#limits
    const full = this.#queue.length >= queueMax || this.#queueBytes + bytes > queueBytesMax // Q2
    if (!full) return
    const waitMs = (this.#queue.length * this.#microsPerItem) / 1_000
    throw new Failure(
      'node/overloaded',
      `the model's queue is full: ${this.#queue.length} requests, ${this.#queueBytes} bytes`,
      { retryAfterMs: Math.ceil(waitMs) },
    )
  }

  #expire(job: Job): void {
    const waiting = this.#queue.includes(job)
    if (waiting) this.#remove([job])
    const where = waiting ? 'waiting for the model' : 'running'
    job.reject(
      new Failure('node/deadline-exceeded', `no answer in ${job.timeoutMs} ms, still ${where}`),
    )
  }

  #pump(): void {
    while (this.#running < runsMax && this.#queue.length > 0) void this.#dispatch(this.#take())
  }

  /** Removes what makes up the next run from the queue. */
  #take(): readonly Job[] {
    const [head] = this.#queue
    assert(head !== undefined, 'a run is taken from a queue that holds something')
    const jobs = [head]
    if (this.#mode === 'batched' && head.key !== null) {
      const limit = batchLimit(this.#limits.batchMax, this.#microsPerItem)
      let items = head.items
      for (let i = 1; i < this.#queue.length && items < limit; i++) {
        const job = this.#queue[i]
        if (job?.key !== head.key || items + job.items > limit) continue
        jobs.push(job)
        items += job.items
      }
    }
    this.#remove(jobs)
    return jobs
  }

  get #mode(): BatchMode {
    return this.#divisible && this.#limits.batchMax > 1 ? batchMode(this.#batching) : 'single'
  }

  #remove(jobs: readonly Job[]): void {
    for (const job of jobs) this.#queueBytes -= job.bytes
    if (jobs.length === 1 && this.#queue[0] === jobs[0]) this.#queue.shift()
    else {
      const gone = new Set(jobs)
      this.#queue = this.#queue.filter((job) => !gone.has(job))
    }
  }

  async #dispatch(jobs: readonly Job[]): Promise<void> {
    this.#running += 1
    const mode = this.#mode
    const startedMicros = this.#ports.nowMicros()
    const crowded = mode === 'single' ? this.#queue.length > 0 : jobs.length > 1
    const settled = jobs.length === 1 ? await this.#runEach(jobs) : await this.#runTogether(jobs)
    this.#running -= 1
    this.#account(mode, jobs, { startedMicros, crowded })
    this.#pump() // before the answers go out: the worker has work meanwhile
    for (const { job, outcome } of settled) {
      if (outcome.status === 'fulfilled') job.resolve(outcome.value)
      else job.reject(outcome.reason)
    }
  }

  async #runTogether(jobs: readonly Job[]): Promise<readonly Settled[]> {
    const [head] = jobs
    assert(head !== undefined, 'a batch has a first request')
    const inputs = head.inputs.map((_, i) =>
      concatTensors(jobs.flatMap((job) => job.inputs.slice(i, i + 1))),
    )
    const rows = jobs.map((job) => job.items)
    const total = rows.reduce((sum, count) => sum + count, 0)
    try {
      const outputs = await this.#run(jobs, inputs)
      if (outputs.every((output) => output.shape[0] === total)) {
        const parts = outputs.map((output) => splitTensor(output, rows))
        return jobs.map((job, k) => ({
          job,
          outcome: { status: 'fulfilled', value: parts.flatMap((part) => part.slice(k, k + 1)) },
        }))
      }
      this.#divisible = false // the model declares more than it keeps
    } catch (thrown) {
      const mayBeOneInput = thrown instanceof Failure && thrown.code === 'node/run-failed'
      if (!mayBeOneInput) {
        return jobs.map((job) => ({ job, outcome: { status: 'rejected', reason: thrown } }))
      }
    }
    return this.#runEach(jobs) // Q3
  }

  async #runEach(jobs: readonly Job[]): Promise<readonly Settled[]> {
    const outcomes = await Promise.allSettled(jobs.map((job) => this.#run([job], job.inputs)))
    return jobs.flatMap((job, i) => {
      const outcome = outcomes[i]
      return outcome === undefined ? [] : [{ job, outcome }]
    })
  }

  async #run(jobs: readonly Job[], inputs: readonly Tensor[]): Promise<readonly Tensor[]> {
    const nowMicros = this.#ports.nowMicros()
    const answer = await this.#ports.run(inputs, jobs[0]?.outputs ?? [])
    this.#ports.observe({
      items: jobs.reduce((sum, job) => sum + Math.max(1, job.items), 0),
      runMicros: answer.runMicros,
      queuedMicros: jobs.reduce((sum, job) => sum + nowMicros - job.queuedAtMicros, 0),
    })
    return answer.outputs
  }

  #account(
    mode: BatchMode,
    jobs: readonly Job[],
    run: { readonly startedMicros: number; readonly crowded: boolean },
  ): void {
    const nowMicros = this.#ports.nowMicros()
    const micros = nowMicros - Math.max(run.startedMicros, this.#lastEndMicros)
    const items = jobs.reduce((sum, job) => sum + Math.max(1, job.items), 0)
    this.#lastEndMicros = nowMicros
    const before = this.#microsPerItem === 0 ? micros / items : this.#microsPerItem
    this.#microsPerItem = before + (micros / items - before) * averageWeight
    this.#batching = decideBatching(
      this.#batching,
      { mode, items, micros, crowded: run.crowded },
      nowMicros,
    )
  }
}

/** Equal for requests with the same outputs and the same shapes but for dimension 0. */
function keyOf({ inputs, outputs }: BatcherRequest): string | null {
  // A request without items has nothing to share, and a model may treat it in its own way.
  if (inputs.length === 0 || inputs.some((input) => input.shape[0] === 0)) return null
  const shapes = inputs.map((input) => input.shape.slice(1).join('x'))
  return `${outputs.join(',')} ${shapes.join(' ')}`
}
