// Thread message
//
// What the node and the thread of one model say to each other. Tensors travel by handing over their
// buffers: whoever sends one has it no more.

import { Failure } from '../failure.ts'
import type { NativeGateCells } from './native-gate.ts'
import type { ModelSignature } from './signature.ts'
import type { Tensor } from './tensor.ts'

export type OnnxRuntime = 'native' | 'wasm'

/** What a thread is told to load. */
export interface LoadOptions {
  readonly entryPath: string
  /** Files beside the entry that hold weights, as the entry names them. */
  readonly weightPaths: readonly string[]
  /** `auto`: native where it can be imported, else wasm. */
  readonly runtime: OnnxRuntime | 'auto'
  readonly threads: number
}

/** What a thread is started with. */
export interface ThreadOptions extends LoadOptions {
  readonly gate: NativeGateCells
}

export interface ToThread {
  readonly id: number
  readonly inputs: readonly Tensor[]
  /** Names to fetch. Outputs that are no tensors throw when fetched, so nobody fetches all. */
  readonly outputs: readonly string[]
}

export type FromThread =
  | {
      readonly kind: 'loaded'
      readonly runtime: OnnxRuntime
      readonly signature: ModelSignature
    }
  | { readonly kind: 'load-failed'; readonly message: string }
  | {
      readonly kind: 'answer'
      readonly id: number
      readonly outputs: readonly Tensor[]
      readonly runMicros: number
    }
  | { readonly kind: 'run-failed'; readonly id: number; readonly message: string }

/** Reads the operator's choice, `TUTTI_ONNX`: nothing, `native` or `wasm`. */
export function parseOnnxRuntime(text: string | undefined): LoadOptions['runtime'] {
  switch (text) {
    case undefined:
    case '':
      return 'auto'
    case 'native':
    case 'wasm':
    case 'auto':
      return text
    default:
      throw new Failure(
        'node/option-invalid',
        `TUTTI_ONNX is ${text}, expected native, wasm or auto`,
      )
  }
}
