// Model host
//
// The models in memory as an installer uses them: `ModelServer` is one; a simulated machine has another.

import type { Golden, ProbeVerdict } from '@tutti/core/fleet'
import type { StageRequest } from './served-model.ts'

/** A version that a host has loaded; it is handed back to the host that it came from, no other. */
export interface LoadedModel {
  readonly state: { readonly phase: string }
  readonly request: { readonly variant: { readonly name: string } }
}

export interface ModelHost {
  /** Loads and warms a version beside the active one. */
  stage(request: StageRequest): Promise<LoadedModel>
  /** Runs the golden inputs and judges what comes out. */
  probe(model: LoadedModel, golden: Golden): Promise<ProbeVerdict>
  /** From here on every new request goes to this version. */
  activate(model: LoadedModel): Promise<void>
  discard(model: LoadedModel): Promise<void>
  deactivate(name: string): Promise<void>
}
