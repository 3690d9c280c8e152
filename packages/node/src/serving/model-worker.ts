// Model worker
//
// The node's side of one worker thread with one model in it: starts it, hands it requests, gives the
// answers to whoever asked, and says when it is dead. It does not restart itself; `ServedModel` does.
//
// Invariants:
//   W1. Every run settles: by its answer, or by the death of the worker.
//   W2. A worker that gives no sign of life for `runMsMax` while it has work is stuck and counts as dead.
//   W3. No end of a worker, wherever it is, ends the process: `NativeGate` says when it may be terminated.

import { basename, dirname, isAbsolute, sep } from 'node:path'
import { Worker } from 'node:worker_threads'
import { Failure, messageOf } from '../failure.ts'
import { closeNativeGate, createNativeGate, type NativeGateCells } from './native-gate.ts'
import type { ModelSignature } from './signature.ts'
import type { Tensor } from './tensor.ts'
import type {
  FromThread,
  LoadOptions,
  OnnxRuntime,
  ThreadOptions,
  ToThread,
} from './thread-message.ts'

export interface ModelWorkerOptions extends LoadOptions {
  readonly loadMsMax: number
  readonly runMsMax: number
  /** What failures call the file; absent: its name. */
  readonly entryName?: string
  /** Another thread than ONNX's: for tests. */
  readonly threadUrl?: URL
}

/** What one run gave, and how long the session took for it. */
export interface RunAnswer {
  readonly outputs: readonly Tensor[]
  readonly runMicros: number
}

type WorkerState =
  | { readonly phase: 'ready' }
  | { readonly phase: 'dead'; readonly failure: Failure }
  | { readonly phase: 'ended' }

interface Waiting {
  readonly resolve: (answer: RunAnswer) => void
  readonly reject: (failure: Failure) => void
}

type Loaded = FromThread & { readonly kind: 'loaded' }

interface Thread {
  readonly worker: Worker
  readonly gate: NativeGateCells
}

export class ModelWorker {
  readonly signature: ModelSignature
  readonly runtime: OnnxRuntime
  /** Settles when the worker dies without having been told to; never otherwise. */
  readonly died: Promise<Failure>
  readonly #thread: Thread
  readonly #options: ModelWorkerOptions
  /** Runs under way, by id: `run` adds, `#settle` removes. */
  readonly #waiting = new Map<number, Waiting>()
  /** Written by `#setState` alone. */
  #state: WorkerState = { phase: 'ready' }
  /** Runs while `#waiting` is not empty; written by `#watch`. */
  #watchdog: NodeJS.Timeout | null = null
  /** Written by `run`. */
  #nextId = 0
  /** Settles `died`; called by `#die`. */
  #tellDeath: (failure: Failure) => void = () => {}

  /** Starts the thread and loads the model; throws `node/model-load-failed`. */
  static async load(options: ModelWorkerOptions): Promise<ModelWorker> {
    const { entryPath, weightPaths, runtime, threads } = options
    const gate = createNativeGate()
    const workerData: ThreadOptions = { entryPath, weightPaths, runtime, threads, gate }
    const worker = new Worker(options.threadUrl ?? threadUrl, { workerData, execArgv: [] })
    // No event can come between this answer and the constructor's listeners: only microtasks do.
    const loaded = await waitUntilLoaded({ worker, gate }, options)
    return new ModelWorker({ worker, gate }, loaded, options)
  }

  private constructor(thread: Thread, loaded: Loaded, options: ModelWorkerOptions) {
    const { worker } = thread
    this.signature = loaded.signature
    this.runtime = loaded.runtime
    this.#thread = thread
    this.#options = options
    this.died = new Promise((resolve) => {
      this.#tellDeath = resolve
    })
    worker.on('message', (message: FromThread) => this.#settle(message))
    worker.on('messageerror', (error) => this.#die(deathOf(error)))
    worker.on('error', (error) => this.#die(deathOf(error)))
    worker.on('exit', (code) => this.#die(deathOf(new Error(`it exited with code ${code}`))))
  }

  /** Runs the model once; takes over the buffers of `inputs`. */
  run(inputs: readonly Tensor[], outputs: readonly string[]): Promise<RunAnswer> {
    return new Promise((resolve, reject) => {
      if (this.#state.phase !== 'ready') {
        const cause = this.#state.phase === 'dead' ? this.#state.failure : undefined
        return reject(new Failure('node/worker-died', 'the worker has ended', { cause }))
      }
      const id = this.#nextId++
      const request: ToThread = { id, inputs, outputs }
      this.#thread.worker.postMessage(request, inputs.flatMap(bufferOf))
      this.#waiting.set(id, { resolve, reject })
      if (this.#waiting.size === 1) this.#watch()
    })
  }

  /** Ends the thread, which frees its memory; runs under way fail. */
  async end(): Promise<void> {
    if (this.#state.phase !== 'ready') return
    this.#setState({ phase: 'ended' })
    this.#failWaiting(new Failure('node/worker-died', 'the worker was ended under the run'))
    await endThread(this.#thread)
  }

  #settle(message: FromThread): void {
    if (message.kind !== 'answer' && message.kind !== 'run-failed') return
    const waiting = this.#waiting.get(message.id)
    this.#waiting.delete(message.id)
    this.#watch() // W2: a sign of life
    if (message.kind === 'answer') waiting?.resolve(message)
    else waiting?.reject(new Failure('node/run-failed', message.message))
  }

  #watch(): void {
    if (this.#watchdog !== null) clearTimeout(this.#watchdog)
    this.#watchdog = null
    if (this.#waiting.size === 0) return
    const { runMsMax } = this.#options
    this.#watchdog = setTimeout(
      () => this.#die(new Failure('node/run-stuck', `the model gave no answer in ${runMsMax} ms`)),
      runMsMax,
    )
  }

  #die(failure: Failure): void {
    if (this.#state.phase !== 'ready') return
    this.#setState({ phase: 'dead', failure })
    this.#failWaiting(failure) // W1
    // Not awaited: a thread inside native code ends only when that returns, if ever.
    void endThread(this.#thread)
    this.#tellDeath(failure)
  }

  #failWaiting(failure: Failure): void {
    for (const waiting of this.#waiting.values()) waiting.reject(failure)
    this.#waiting.clear()
    this.#watch()
  }

  #setState(state: WorkerState): void {
    this.#state = state
  }
}

// Node 20 runs no TypeScript in workers: from a source file the thread is the built one.
const threadUrl = import.meta.url.endsWith('.ts')
  ? new URL('../../dist/serving/onnx-thread.js', import.meta.url)
  : new URL('./onnx-thread.js', import.meta.url)

async function endThread({ worker, gate }: Thread): Promise<void> {
  const exited = new Promise((resolve) => worker.once('exit', resolve))
  if (closeNativeGate(gate)) await worker.terminate()
  else await exited // W3: it ends itself
}

function waitUntilLoaded(thread: Thread, options: ModelWorkerOptions): Promise<Loaded> {
  const { worker } = thread
  return new Promise<Loaded>((resolve, reject) => {
    const fail = (reason: string, cause?: unknown) => {
      settle()
      void endThread(thread)
      const name = options.entryName ?? basename(options.entryPath)
      const message = `model ${name} did not load: ${withoutFolder(reason, options)}`
      reject(new Failure('node/model-load-failed', message, { cause }))
    }
    const onMessage = (message: FromThread) => {
      if (message.kind === 'load-failed') return fail(message.message)
      if (message.kind !== 'loaded') return
      settle()
      resolve(message)
    }
    const onError = (error: unknown) => fail(messageOf(error), error)
    const onExit = (code: number) => fail(`its worker exited with code ${code}`)
    const timer = setTimeout(() => fail(`not in ${options.loadMsMax} ms`), options.loadMsMax)
    const settle = () => {
      clearTimeout(timer)
      worker.off('message', onMessage).off('exit', onExit)
      worker.off('error', onError).on('error', ignore)
    }
    worker.on('message', onMessage).on('error', onError).on('exit', onExit)
  })
}

/** Where this machine keeps its files is nobody else's business: failures are shown everywhere. */
function withoutFolder(reason: string, { entryPath }: ModelWorkerOptions): string {
  const said = reason.replace(`Load model from ${entryPath} failed:`, '')
  const folder = dirname(entryPath)
  const own = isAbsolute(folder) ? said.replaceAll(`${folder}${sep}`, '') : said
  return own.replace(/\s+/g, ' ').trim()
}

/** A worker that fails while it is being ended has nobody left to tell. */
function ignore(): void {}

function deathOf(cause: Error): Failure {
  return new Failure('node/worker-died', `the model's worker died: ${cause.message}`, { cause })
}

function bufferOf({ data }: Tensor): ArrayBuffer[] {
  return 'buffer' in data && data.buffer instanceof ArrayBuffer ? [data.buffer] : []
}
