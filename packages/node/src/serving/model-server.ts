// Model server
//
// The models in memory of one node, by the name they answer to, and the only way to change which version
// answers: stage (load and warm beside the active one), probe, activate (a flip between two requests),
// and afterwards keep the old version loaded, so that a rollback is a flip as well.
//
// Invariants:
//   M1. A request is answered by the version that was active when it was accepted; no flip fails it.
//   M2. At most `retainedMax` old versions per name and `retainedBytesMax` bytes in all stay loaded.

import os from 'node:os'
import { decideProbe, type Golden, type JsonTensor, type ProbeVerdict } from '@tutti/core/fleet'
import { nearest } from '@tutti/core/resource'
import { Failure } from '../failure.ts'
import { restartPolicy } from './decide-restart.ts'
import { parseInputs } from './infer-request.ts'
import { toJsonTensor } from './json-tensor.ts'
import { pickThreads } from './pick-threads.ts'
import { ServedModel, type ServedModelOptions, type StageRequest } from './served-model.ts'
import {
  decideSlot,
  emptySlot,
  handlesOf,
  pickEvictions,
  type Slot,
  type SlotEvent,
} from './slot.ts'
import type { Telemetry } from './telemetry.ts'
import { parseOnnxRuntime } from './thread-message.ts'

/** What a model server needs, and bounds that have sensible defaults. */
export interface ModelServerOptions extends Partial<Omit<ServedModelOptions, 'threads'>> {
  readonly telemetry: Telemetry
  /** Threads per model; without it, as many as there are free cores when a model is staged. */
  readonly threads?: number
  readonly retainedMax?: number
  readonly retainedBytesMax?: number
}

const defaults = {
  loadMsMax: 120_000, // gigabytes from a slow card
  runMsMax: 60_000, // a model that computes for a minute is stuck
  timeoutMs: 30_000, // what most HTTP clients wait
  queueMax: 1_024,
  queueBytesMax: 256 * 2 ** 20,
  restart: restartPolicy,
  onState: () => {},
  retainedMax: 1, // the version before: what a rollback goes back to
  retainedBytesMax: 2 ** 30,
} as const

export class ModelServer {
  readonly #options: Required<Omit<ModelServerOptions, 'threads' | 'threadUrl'>>
  readonly #extra: Pick<ModelServerOptions, 'threads' | 'threadUrl'>
  /** By name; written by `#apply` alone. */
  readonly #slots = new Map<string, Slot<ServedModel>>()
  /** Set by `stop`. */
  #stopped = false

  constructor({ threads, threadUrl, ...options }: ModelServerOptions) {
    const runtime = parseOnnxRuntime(process.env['TUTTI_ONNX'])
    this.#options = { ...defaults, runtime, ...options }
    this.#extra = {
      ...(threads === undefined ? {} : { threads }),
      ...(threadUrl === undefined ? {} : { threadUrl }),
    }
  }

  /** Requests that were accepted and have no answer yet, over all versions. */
  get inflight(): number {
    const handles = [...this.#slots.values()].flatMap(handlesOf)
    return handles.reduce((sum, { outstanding }) => sum + outstanding, 0)
  }

  /**
   * Loads and warms a version beside the active one. A release that is loaded is returned as it is.
   * Throws `node/model-load-failed` or `node/model-mismatch`.
   */
  async stage(request: StageRequest): Promise<ServedModel> {
    const loaded = handlesOf(this.#slotOf(request.model)).find((model) => isSame(model, request))
    if (loaded !== undefined) return loaded
    const threads = pickThreads({
      wanted: request.threads ?? this.#extra.threads ?? null,
      cores: os.availableParallelism(),
      load: os.loadavg()[0] ?? 0,
    })
    const model = await ServedModel.load(request, { ...this.#options, ...this.#extra, threads })
    if (this.#stopped) {
      await model.end()
      throw new Failure('node/model-load-failed', 'the node stopped while the model loaded')
    }
    await endAll(this.#apply(request.model, { kind: 'staged', handle: model }))
    return model
  }

  /** Runs the golden inputs through a loaded version and judges what comes out. */
  async probe(model: ServedModel, golden: Golden): Promise<ProbeVerdict> {
    const outputs = model.signature.outputs.map(({ name }) => name)
    const seen: JsonTensor[][] = []
    for (const [i, { inputs }] of golden.cases.entries()) {
      try {
        const tensors = parseInputs(inputs, Buffer.alloc(0), {
          signature: model.signature,
          batchMax: 1,
        })
        seen.push((await model.inferAlone(tensors, outputs)).map(toJsonTensor))
      } catch (thrown) {
        if (!(thrown instanceof Failure)) throw thrown
        return { ok: false, reason: `golden case ${i}: ${thrown.message}` }
      }
    }
    return decideProbe(golden, seen)
  }

  /**
   * Makes a version the one that answers: when the call returns, every new request goes to it.
   * The promise settles when the version before has answered what it had accepted.
   */
  async activate(model: ServedModel): Promise<void> {
    if (model.state.phase !== 'ready') {
      const what = `${model.model} ${model.version} is ${model.state.phase}`
      throw new Failure('node/model-not-ready', `cannot activate: model ${what}`)
    }
    const slot = this.#slotOf(model.model)
    const event = { kind: 'activated', handle: model, nowMs: Date.now() } as const
    const ends = [...this.#apply(model.model, event), ...this.#evict()]
    if (slot.phase === 'serving' && slot.active.state.phase === 'dead') {
      const dead = { kind: 'discarded', handle: slot.active } as const
      ends.push(...this.#apply(model.model, dead)) // of no use for a rollback
    }
    await Promise.all([slot.phase === 'serving' ? slot.active.drained() : null, endAll(ends)])
  }

  /** Ends a version wherever it is; was it active, nothing answers until the next activation. */
  async discard(model: ServedModel): Promise<void> {
    await endAll(this.#apply(model.model, { kind: 'discarded', handle: model }))
  }

  /** Stops answering under a name; ends its active and its retained versions. */
  async deactivate(name: string): Promise<void> {
    await endAll(this.#apply(name, { kind: 'deactivated' }))
  }

  /** Ends everything; what was accepted is answered first. */
  async stop(): Promise<void> {
    this.#stopped = true
    await Promise.all([...this.#slots.values()].map((slot) => endAll(handlesOf(slot))))
    this.#slots.clear()
  }

  /**
   * The version to ask: the active one, or the one that was named, which may be retained. Call
   * `infer` on it in the same turn, so that no flip comes between. Throws `node/model-unknown` or
   * `node/model-not-ready`.
   */
  resolve(name: string, version: string | null): ServedModel {
    const slot = this.#slots.get(name)
    if (slot === undefined) throw this.#unknown(name)
    if (slot.phase === 'idle') {
      throw new Failure('node/model-not-ready', `model ${name} has no active version yet`)
    }
    if (version === null) return slot.active
    const answering = answeringOf(slot)
    const model = answering.find((candidate) => candidate.version === version)
    if (model !== undefined) return model
    const versions = answering.map((candidate) => candidate.version).join(', ')
    const message = `model ${name} has no version ${version.slice(0, 80)} here, it has: ${versions}`
    throw new Failure('node/model-unknown', message)
  }

  /** Every name with its versions, in the order of their names. */
  list(): readonly { readonly model: string; readonly slot: Slot<ServedModel> }[] {
    return [...this.#slots]
      .map(([model, slot]) => ({ model, slot }))
      .sort((a, b) => (a.model < b.model ? -1 : 1))
  }

  #unknown(name: string): Failure {
    const names = this.list().map(({ model }) => model)
    const near = nearest(name, names)
    const known = names.slice(0, namesShown).join(', ')
    const hint =
      near === null ? `this node serves: ${known === '' ? 'nothing' : known}` : `is it ${near}?`
    return new Failure('node/model-unknown', `unknown model ${name.slice(0, 80)}; ${hint}`)
  }

  #slotOf(name: string): Slot<ServedModel> {
    return this.#slots.get(name) ?? emptySlot()
  }

  #apply(name: string, event: SlotEvent<ServedModel>): readonly ServedModel[] {
    const { slot, ends } = decideSlot(this.#slotOf(name), event, this.#options.retainedMax)
    if (handlesOf(slot).length === 0) this.#slots.delete(name)
    else this.#slots.set(name, slot)
    return ends
  }

  #evict(): readonly ServedModel[] {
    const evicted = pickEvictions([...this.#slots.values()], this.#options.retainedBytesMax) // M2
    return evicted.flatMap((handle) => this.#apply(handle.model, { kind: 'discarded', handle }))
  }
}

const namesShown = 10

/** The versions that may be asked for, the active one first. */
export function answeringOf(slot: Slot<ServedModel>): readonly ServedModel[] {
  if (slot.phase === 'idle') return []
  return [slot.active, ...slot.retained.map(({ handle }) => handle)]
}

function isSame(model: ServedModel, request: StageRequest): boolean {
  return (
    model.state.phase === 'ready' &&
    model.release === request.release &&
    model.request.variant.name === request.variant.name &&
    model.request.entryPath === request.entryPath
  )
}

async function endAll(models: readonly ServedModel[]): Promise<void> {
  await Promise.all(models.map((model) => model.end()))
}
