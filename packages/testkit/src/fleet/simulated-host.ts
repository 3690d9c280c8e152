// Simulated host
//
// The models in memory of one simulated process: what it is told to load, probe and activate, with the
// faults of each version. It keeps the books by which I2, I3 and I5 are judged.

import { hash32 } from '@tutti/core/resource'
import {
  Failure,
  type LoadedModel,
  type ModelHost,
  type StageRequest,
} from '@tutti/node/simulation'
import { releaseByDigest } from './simulated-releases.ts'

interface SimulatedModel extends LoadedModel {
  readonly state: { phase: 'ready' | 'dead' | 'ended' }
  readonly request: StageRequest
  isProbed: boolean
}

export interface HostPorts {
  readonly node: string
  readonly pause: (msMax: number) => Promise<void>
  readonly onStep: (what: string) => void
  readonly schedule: (delayMs: number, call: () => void) => void
  /** Was every file of this release verified on this machine's disk since it was fetched? */
  readonly isVerified: (release: string) => boolean
  /** Does this node have to run something under this name? */
  readonly mustServe: (serves: string) => boolean
  readonly onDeath: (serves: string, release: string) => void
  /** A model has ended the whole process. */
  readonly onFatal: () => void
  readonly violation: (message: string) => void
}

const retainedMax = 2 // the active version and the one before

export class SimulatedHost implements ModelHost {
  readonly #ports: HostPorts
  readonly #loaded: SimulatedModel[] = []
  readonly #active = new Map<string, SimulatedModel>()
  /** The first version that answered under each name since the boot. */
  readonly first = new Map<string, string>()
  /** Names whose version died since the boot. */
  readonly died = new Set<string>()

  constructor(ports: HostPorts) {
    this.#ports = ports
  }

  /** The release that answers under a name, or null. */
  active(serves: string): string | null {
    const model = this.#active.get(serves)
    return model === undefined || model.state.phase !== 'ready' ? null : model.request.release
  }

  get names(): readonly string[] {
    return [...this.#active.keys()]
  }

  async stage(request: StageRequest): Promise<LoadedModel> {
    const isSame = (one: SimulatedModel) =>
      one.state.phase === 'ready' &&
      one.request.release === request.release &&
      one.request.model === request.model
    const held = this.#loaded.find(isSame)
    if (held !== undefined) return held
    await this.#ports.pause(2_000)
    const quality = releaseByDigest.get(request.release)?.quality
    if (quality === 'fatal') {
      this.#ports.onFatal()
      await new Promise(() => {}) // nothing goes on
    }
    if (quality === 'unloadable') throw new Failure('node/model-load-failed', 'not a model')
    const model: SimulatedModel = { state: { phase: 'ready' }, request, isProbed: false }
    this.#loaded.push(model)
    this.#ports.onStep('staged')
    return model
  }

  async probe(
    loaded: LoadedModel,
  ): Promise<{ ok: true; cases: number } | { ok: false; reason: string }> {
    const model = this.#of(loaded)
    await this.#ports.pause(500)
    const quality = releaseByDigest.get(model.request.release)?.quality
    const isUnsoundHere = quality === 'unsound' && hash32(this.#ports.node) % 3 === 0
    if (quality === 'refused' || isUnsoundHere) return { ok: false, reason: 'another answer' }
    model.isProbed = true
    this.#ports.onStep('probed')
    return { ok: true, cases: 1 }
  }

  async activate(loaded: LoadedModel): Promise<void> {
    const model = this.#of(loaded)
    const { release, model: serves } = model.request
    if (model.state.phase !== 'ready') throw new Failure('node/model-not-ready', 'it is gone')
    if (!model.isProbed) this.#violation('I2', `${release} is active without a probe`)
    if (!this.#ports.isVerified(release)) this.#violation('I2', `${release} was not verified`)
    this.#active.set(serves, model)
    if (!this.first.has(serves)) this.first.set(serves, release)
    this.#ports.onStep('activated')
    const of = this.#loaded.filter((one) => one.request.model === serves && one !== model)
    for (const old of of.slice(0, -(retainedMax - 1))) this.#end(old)
    const dies = releaseByDigest.get(release)?.quality === 'dying'
    if (dies) this.#ports.schedule(3_000, () => this.kill(serves, release))
    await this.#ports.pause(50) // the version before drains
  }

  async discard(loaded: LoadedModel): Promise<void> {
    const model = this.#of(loaded)
    const { model: serves, release } = model.request
    if (this.#active.get(serves) === model) {
      if (model.state.phase === 'ready') this.#violation('I5', `${release} ended while it served`)
      this.#active.delete(serves)
    }
    this.#end(model)
    await this.#ports.pause(50)
  }

  async deactivate(serves: string): Promise<void> {
    if (this.#active.has(serves) && this.#ports.mustServe(serves)) {
      this.#violation('I5', `${serves} was deactivated while it had to serve`)
    }
    this.#active.delete(serves)
    this.#ports.onStep('deactivated')
    for (const one of this.#loaded) if (one.request.model === serves) this.#end(one)
    await this.#ports.pause(50)
  }

  /** The worker dies for good. */
  kill(serves: string, release: string): void {
    const model = this.#active.get(serves)
    if (model?.request.release !== release || model.state.phase !== 'ready') return
    model.state.phase = 'dead'
    this.died.add(serves)
    this.#ports.onDeath(serves, release)
  }

  #of(loaded: LoadedModel): SimulatedModel {
    const model = this.#loaded.find((one) => one === loaded)
    if (model === undefined) throw new Error('this host never loaded that')
    return model
  }

  #end(model: SimulatedModel): void {
    if (model.state.phase === 'ready') model.state.phase = 'ended'
  }

  #violation(invariant: string, what: string): void {
    this.#ports.violation(`${invariant}: ${this.#ports.node}: ${what}`)
  }
}
