// OIP pages
//
// What a node says about its models in the Open Inference Protocol v2: metadata, the repository index and
// the statistics extension (times in nanoseconds there).

import type { ServedModel } from './served-model.ts'
import { handlesOf, type Slot } from './slot.ts'
import type { Duration } from './statistics.ts'

/** Answer of `GET /v2/models/{model}`. */
export function formatMetadata({ model, signature }: ServedModel, versions: readonly string[]) {
  const { inputs, outputs } = signature
  return { name: model, versions, platform: 'onnx_onnxv1', inputs, outputs }
}

/** Answer of `POST /v2/repository/index`. */
export function formatIndex(
  entries: readonly { readonly model: string; readonly slot: Slot<ServedModel> }[],
) {
  return entries.flatMap(({ model, slot }) =>
    handlesOf(slot).map((handle) => ({
      name: model,
      version: handle.version,
      ...indexState(slot, handle),
    })),
  )
}

function indexState(slot: Slot<ServedModel>, handle: ServedModel) {
  const { state } = handle
  if (slot.staged === handle) return { state: 'LOADING', reason: 'not activated yet' }
  if (slot.phase === 'idle') return { state: 'UNAVAILABLE', reason: 'no version is active' }
  switch (state.phase) {
    case 'ready':
      return { state: 'READY', reason: slot.active === handle ? '' : 'kept for a rollback' }
    case 'restarting':
    case 'dead':
      return { state: 'UNAVAILABLE', reason: state.failure.message }
    case 'draining':
    case 'ended':
      return { state: 'UNAVAILABLE', reason: 'ended' }
  }
}

/** Answer of `GET /v2/models/{model}/stats`. Reading and writing tensors is not measured: 0. */
export function formatStatistics(models: readonly ServedModel[]) {
  return { model_stats: models.map(formatModelStatistics) }
}

function formatModelStatistics(model: ServedModel) {
  const statistics = model.readStatistics()
  const none = { count: 0, ns: 0 }
  return {
    name: model.model,
    version: model.version,
    last_inference: statistics.lastInferenceMs,
    inference_count: statistics.inferences,
    execution_count: statistics.runs,
    inference_stats: {
      success: inNanoseconds(statistics.success),
      fail: inNanoseconds(statistics.fail),
      queue: inNanoseconds(statistics.queue),
      compute_input: none,
      compute_infer: inNanoseconds(statistics.compute),
      compute_output: none,
    },
    batch_stats: statistics.batches.map(({ items, ...duration }) => ({
      batch_size: items,
      compute_input: none,
      compute_infer: inNanoseconds(duration),
      compute_output: none,
    })),
  }
}

function inNanoseconds({ count, micros }: Duration): { count: number; ns: number } {
  return { count, ns: Math.round(micros * 1_000) }
}
