// Installer
//
// Carries out what `planInstall` decides for one deployment, one action at a time, and feeds back what
// happened. It owns the deployment's timers and its running action; a newer wish ends what is under way.

import {
  type Assignment,
  beginTrial,
  type InstallAction,
  type InstallContext,
  type InstallEvent,
  type InstallFailure,
  type InstallState,
  installStart,
  isOnTrial,
  planInstall,
  type Release,
  resumeInstall,
  type Variant,
  type VariantFit,
} from '@tutti/core/fleet'
import type { Clock } from '@tutti/machine'
import { Failure, type FailureCode, messageOf } from '../failure.ts'
import type { LoadedModel, ModelHost } from '../serving/index.ts'
import type { BlobSource } from './blob-wish.ts'
import type { ModelStore } from './model-store.ts'
import type { DeploymentState } from './node-state.ts'

export interface InstallerPorts {
  readonly server: ModelHost
  readonly models: ModelStore
  readonly fit: () => VariantFit
  /** Where files come from; null while the control plane is away. */
  readonly source: () => BlobSource | null
  /** Publishers that this machine's owner pinned; null trusts those of the assignment. */
  readonly pinnedPublishers: readonly string[] | null
  readonly clock: Clock
  /** The state is new: report it. */
  readonly onState: () => void
  /** Writes down what serves after a reboot; resolves when it is on disk. */
  readonly commit: (committed: NonNullable<DeploymentState['committed']> | null) => void
  /** What is being tried; `note` writes it down before it returns. */
  readonly trial: {
    readonly held: () => DeploymentState['trial']
    readonly note: (trial: DeploymentState['trial']) => void
  }
}

// What a failure code means for the rollout; any other failure of a step is the model's.
const reasons: Partial<Readonly<Record<FailureCode, InstallFailure>>> = {
  'node/fetch-failed': 'fetch-failed',
  'node/disk-full': 'disk-full',
  'node/no-variant-fits': 'no-variant-fits',
  'node/digest-mismatch': 'digest-mismatch',
  'node/signature-invalid': 'signature-invalid',
  'node/probe-refused': 'probe-refused',
  'node/process-ended': 'crashed',
  'node/state-unwritable': 'disk-full',
}

const progressMs = 1_000 // a report per second of a download: people watch it, machines do not

export class Installer {
  readonly #ports: InstallerPorts
  /** Written by `#feed` alone. */
  #state: InstallState = installStart
  /** Written by `take`. */
  #assignment: Assignment
  /** Written by `#committed`. */
  #committedState: DeploymentState['committed']
  /** Written by `resume`. */
  #isResuming = false
  /** The release wanted now; written by `want`. */
  #wanted: string | null = null
  /** What this process is trying; written by `#beginTrial` and `#endTrial`. */
  #trial: DeploymentState['trial'] = null
  /** The release activated last; written by `#activate`. */
  #active: Release | null = null
  /** What was chosen for this machine, by release; written by `#chosen`. */
  readonly #variants = new Map<string, Variant>()
  /** Loaded versions by release; written by `#load`. */
  readonly #loaded = new Map<string, LoadedModel>()
  /** The action under way; `#act` replaces it. */
  #abort = new AbortController()
  /** Takes back the wake-up that is due next; written by `#wake`. */
  #forget: () => void = () => {}
  /** Failures of the machine in a row; written by `#feed`. */
  #failures = 0
  /** Actions run one after the other; written by `#act`. */
  #tail: Promise<void> = Promise.resolve()

  constructor(
    assignment: Assignment,
    committed: DeploymentState['committed'],
    ports: InstallerPorts,
  ) {
    this.#assignment = assignment
    this.#committedState = committed
    this.#ports = ports
  }

  get state(): InstallState {
    return this.#state
  }

  get assignment(): Assignment {
    return this.#assignment
  }

  get committed(): DeploymentState['committed'] {
    return this.#committedState
  }

  /** What this node has: what it committed, or what serves where nothing is committed yet. */
  get kept(): Release | null {
    if (this.#committedState !== null) return this.#committedState.kept
    return this.#state.serving === this.#active?.digest ? this.#active : null
  }

  /** Memory that this deployment takes or is about to take, for others to leave alone. */
  get claimedBytes(): number {
    const underWay = this.#variants.get(this.#releaseUnderWay() ?? '')
    return Math.max(this.#committedState?.memoryBytes ?? 0, underWay?.requires.memoryBytes ?? 0)
  }

  /**
   * Brings back what was committed before the reboot. Settles when it serves, or could not; wishes
   * wait until then, for what is wanted may be far away (I3).
   */
  async resume(): Promise<void> {
    if (this.#committedState === null) return
    const plan = resumeInstall(this.#committedState.release)
    this.#state = plan.state
    this.#isResuming = true
    this.#act(plan.action)
    await this.#tail
    this.#isResuming = false
  }

  /** The assignment that holds from now on; the wish that follows from it is told next. */
  take(assignment: Assignment): void {
    this.#assignment = assignment
  }

  /** A new wish: the release that the assignment gives this node now, null for none. */
  want(release: Release | null): void {
    this.#wanted = release?.digest ?? null
    if (this.#isResuming) return // who resumed it tells the wish of then
    // For none again, too: what is to be ended goes on being ended.
    if (this.#wanted !== this.#releaseUnderWay()) this.#abort.abort()
    this.#feed({ kind: 'wanted', release: this.#wanted })
  }

  /** The control plane is back: what failed for want of it is tried at once. */
  retryNow(): void {
    const state = this.#state
    if (state.phase !== 'failed' || state.retryAtMs === undefined) return
    this.#failures = 0
    this.#state = { ...state, retryAtMs: 0 }
    this.#feed({ kind: 'due' })
  }

  /** Another deployment has changed what it takes: what did not fit may fit now. */
  retryForRoom(): void {
    const isForRoom = this.#state.phase === 'failed' && this.#state.reason === 'no-variant-fits'
    if (isForRoom) this.retryNow()
  }

  /** The serving room says that a version has died for good. */
  crashed(release: string, message: string): void {
    this.#loaded.delete(release)
    this.#feed({ kind: 'crashed', release, message })
  }

  async stop(): Promise<void> {
    this.#abort.abort()
    this.#forget()
    await this.#tail
    this.#endTrial()
  }

  #releaseUnderWay(): string | null {
    return this.#state.phase === 'idle' ? null : this.#state.release
  }

  #feed(event: InstallEvent): void {
    if (event.kind === 'failed') this.#failures += 1
    if (event.kind === 'done') this.#failures = 0
    const before = this.#state
    const { state, action } = planInstall(before, event, this.#context())
    this.#state = state
    if (this.#trial !== null && !isOnTrial(state, this.#trial)) this.#endTrial()
    if (state !== before) this.#ports.onState()
    if (state.phase === 'failed' && state.retryAtMs !== undefined) this.#wake(state.retryAtMs)
    this.#act(action)
  }

  #context(): InstallContext {
    return {
      nowMs: this.#ports.clock.steadyMs(),
      soakMs: this.#assignment.soakMs,
      committed: this.#committedState?.release ?? null,
      wanted: this.#wanted,
      failures: this.#failures,
    }
  }

  #wake(atMs: number): void {
    this.#forget()
    const delayMs = Math.max(0, atMs - this.#ports.clock.steadyMs())
    this.#forget = this.#ports.clock.schedule(delayMs, () => this.#feed({ kind: 'due' }))
  }

  #act(action: InstallAction): void {
    if (action.kind === 'none') return
    if (action.kind === 'soak') return this.#wake(action.untilMs)
    this.#abort.abort()
    const abort = new AbortController()
    this.#abort = abort
    this.#tail = this.#tail.then(() => this.#run(action, abort.signal))
  }

  async #run(action: InstallAction, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return
    try {
      const variant = await this.#perform(action, signal)
      if (signal.aborted) return
      this.#feed({ kind: 'done', action: action.kind, ...(variant === null ? {} : { variant }) })
    } catch (thrown) {
      if (signal.aborted) return
      const code = thrown instanceof Failure ? thrown.code : null
      const reason = (code === null ? undefined : reasons[code]) ?? 'load-failed'
      this.#feed({ kind: 'failed', reason, message: messageOf(thrown).slice(0, 2_000) })
    }
  }

  /** Does one action; gives the variant's name where a model is concerned. */
  async #perform(action: InstallAction, signal: AbortSignal): Promise<string | null> {
    switch (action.kind) {
      case 'fetch':
        await this.#fetch(action.release, signal)
        return null
      case 'verify':
        await this.#verify(action.release)
        return null
      case 'stage':
        this.#beginTrial(action.release)
        return (await this.#load(action.release)).request.variant.name
      case 'probe':
        return await this.#probe(action.release)
      case 'activate':
        return await this.#activate(action.release)
      case 'commit':
        return await this.#commit(action.release)
      case 'deactivate':
        await this.#deactivate()
        return null
      case 'none':
      case 'soak':
        return null
    }
  }

  async #fetch(release: string, signal: AbortSignal): Promise<void> {
    let toldMs = 0
    await this.#ports.models.fetch(this.#releaseOf(release), {
      source: this.#ports.source(),
      fit: this.#ports.fit,
      onVariant: (variant) => this.#chosen(release, variant),
      watch: {
        signal,
        onProgress: (bytesDone, bytesTotal) => {
          if (this.#ports.clock.steadyMs() - toldMs < progressMs) return
          toldMs = this.#ports.clock.steadyMs()
          this.#feed({ kind: 'progress', bytesDone, bytesTotal })
        },
      },
    })
  }

  async #verify(release: string) {
    const committed = this.#committedState
    const kept = committed?.release === release ? committed.variant : null
    const prepared = await this.#ports.models.verify(this.#releaseOf(release), {
      // What was chosen once stays: room that others take or leave meanwhile changes no choice.
      variant: this.#variants.get(release)?.name ?? kept,
      fit: this.#ports.fit(),
      publishers: this.#ports.pinnedPublishers ?? this.#assignment.publishers,
      nowMs: this.#ports.clock.nowMs(), // how long certificates are valid
    })
    this.#chosen(release, prepared.variant)
    return prepared
  }

  #chosen(release: string, variant: Variant): void {
    this.#variants.set(release, variant)
    const current = new Set([release, this.#committedState?.release, this.#releaseUnderWay()])
    for (const old of this.#variants.keys()) if (!current.has(old)) this.#variants.delete(old)
  }

  async #load(release: string): Promise<LoadedModel> {
    const held = this.#loaded.get(release)
    if (held !== undefined && this.#isReady(release)) return held
    const { spec, variant, entryPath } = await this.#verify(release)
    const model = await this.#ports.server.stage({
      model: this.#assignment.serves,
      version: spec.version,
      release,
      variant,
      ...(spec.prediction === undefined ? {} : { prediction: spec.prediction }),
      entryPath,
    })
    this.#loaded.set(release, model)
    return model
  }

  /** What has taken the process with it again and again is the model's fault: N3. */
  #beginTrial(release: string): void {
    const { held, note } = this.#ports.trial
    const next = beginTrial({ release, generation: this.#assignment.generation }, held())
    if (next === null) {
      const message = 'the process of this node ended each time that it tried this release'
      throw new Failure('node/process-ended', message)
    }
    note(next)
    this.#trial = next
  }

  /** What a life before left stands: it is counted when it is tried again. */
  #endTrial(): void {
    if (this.#trial !== null) this.#ports.trial.note(null)
    this.#trial = null
  }

  async #probe(release: string): Promise<string> {
    const model = await this.#load(release)
    const { golden, variant } = await this.#verify(release)
    const verdict = golden === null ? null : await this.#ports.server.probe(model, golden)
    if (verdict !== null && !verdict.ok) {
      this.#loaded.delete(release)
      await this.#ports.server.discard(model)
      throw new Failure('node/probe-refused', `variant ${variant.name}: ${verdict.reason}`)
    }
    return variant.name
  }

  /** A version that is not loaded any more (a reboot, an eviction) proves itself again first. */
  async #activate(release: string): Promise<string> {
    if (!this.#isReady(release)) await this.#probe(release)
    const model = await this.#load(release)
    this.#active = this.#releaseOf(release)
    await this.#ports.server.activate(model)
    if (this.#assignment.mode === 'revert') await this.#discardTarget(release)
    return model.request.variant.name
  }

  /**
   * A release that was taken back is not kept warm: nobody may ask for it by its version either.
   */
  async #discardTarget(active: string): Promise<void> {
    const { digest } = this.#assignment.target
    const bad = this.#loaded.get(digest)
    if (bad === undefined || digest === active) return
    this.#loaded.delete(digest)
    await this.#ports.server.discard(bad)
  }

  async #commit(release: string): Promise<string> {
    const model = await this.#load(release)
    const variant = model.request.variant.name
    const memoryBytes = this.#variants.get(release)?.requires.memoryBytes ?? 0
    const committed = { release, variant, memoryBytes, kept: this.#releaseOf(release) }
    this.#ports.commit(committed)
    this.#committedState = committed
    return variant
  }

  async #deactivate(): Promise<void> {
    await this.#ports.server.deactivate(this.#assignment.serves)
    this.#loaded.clear()
    this.#ports.commit(null)
    this.#committedState = null
  }

  #isReady(release: string): boolean {
    return this.#loaded.get(release)?.state.phase === 'ready'
  }

  #releaseOf(digest: string): Release {
    const { target, baseline } = this.#assignment
    if (target.digest === digest) return target
    if (baseline?.digest === digest) return baseline
    // What was committed may be neither of them any more: it is remembered whole.
    const kept = this.#committedState?.kept
    if (kept?.digest === digest) return kept
    throw new Failure('node/fetch-failed', `the assignment does not name ${digest}`)
  }
}
