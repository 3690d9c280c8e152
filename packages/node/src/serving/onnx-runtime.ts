// ONNX runtime
//
// ONNX Runtime as the thread of a model sees it: the native build where it can be imported, else WebAssembly
// (1.8 to 5.4 times slower, same answers), and tensors translated in both directions. Imported by the
// thread alone, and it imports no other package: every worker would pay for it in memory.

import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-web'
import { withinNativeGate } from './native-gate.ts'
import type { ModelSignature } from './signature.ts'
import type { NumericDatatype, Tensor } from './tensor.ts'
import type { LoadOptions, OnnxRuntime, ThreadOptions } from './thread-message.ts'

/** An ONNX Runtime, whichever build it is. */
export interface Ort {
  readonly kind: OnnxRuntime
  readonly createSession: (options: LoadOptions) => Promise<InferenceSession>
  /** Calls into the session go through here. */
  readonly within: <T>(act: () => Promise<T>) => Promise<T>
  readonly Tensor: typeof OrtTensor
}

type TensorSignature = ModelSignature['inputs'][number]

// 4: fatal only. A run that fails is reported to whoever asked; a hostile caller must not fill the log.
const logSeverityLevel = 4

export async function importOrt({ runtime: wanted, gate }: ThreadOptions): Promise<Ort> {
  if (wanted === 'wasm') return importWasm()
  try {
    return await importNative((act) => withinNativeGate(gate, () => process.exit(), act))
  } catch (cause) {
    if (wanted === 'native') throw cause
    return importWasm()
  }
}

async function importNative(within: Ort['within']): Promise<Ort> {
  const { InferenceSession, Tensor } = await within(() => import('onnxruntime-node'))
  return {
    kind: 'native',
    Tensor,
    within,
    createSession: ({ entryPath, threads }) => {
      const options = {
        executionProviders: ['cpu'],
        intraOpNumThreads: threads,
        interOpNumThreads: 1,
        logSeverityLevel,
      } as const
      return within(() => InferenceSession.create(entryPath, options))
    },
  }
}

async function importWasm(): Promise<Ort> {
  const { env, InferenceSession, Tensor } = await import('onnxruntime-web')
  // More would start threads inside this thread. The .wasm file is found beside its module.
  env.wasm.numThreads = 1
  return {
    kind: 'wasm',
    Tensor,
    within: (act) => act(), // V8 ends WebAssembly wherever it is
    // The WebAssembly build opens no files: the entry and its weights are handed to it.
    createSession: async ({ entryPath, weightPaths }) => {
      const externalData = await Promise.all(
        weightPaths.map(async (path) => ({
          path,
          data: new Uint8Array(await readFile(join(dirname(entryPath), path))),
        })),
      )
      return InferenceSession.create(new Uint8Array(await readFile(entryPath)), {
        executionProviders: ['wasm'],
        externalData,
        logSeverityLevel,
      })
    },
  }
}

/** The session's inputs, which must be tensors, and those of its outputs that are. */
export function signatureOfSession(session: InferenceSession): ModelSignature {
  const inputs = session.inputMetadata.map((value) => {
    const signature = signatureOfValue(value)
    if (signature !== null) return signature
    throw new Error(`input '${value.name}' is not a tensor of a supported type`)
  })
  const outputs = session.outputMetadata
    .map(signatureOfValue)
    .filter((signature): signature is TensorSignature => signature !== null)
  return { inputs, outputs }
}

export function toOrt({ Tensor: OrtTensor }: Ort, tensor: Tensor): OrtTensor {
  if (tensor.datatype === 'BYTES') return new OrtTensor('string', tensor.data, tensor.shape)
  const { type } = ortTypes[tensor.datatype]
  return new OrtTensor(type, tensor.data, tensor.shape)
}

export function fromOrt(name: string, tensor: OrtTensor): Tensor {
  const shape = tensor.dims
  const { data } = tensor
  if (Array.isArray(data)) return { name, datatype: 'BYTES', shape, data }
  const datatype = datatypeOf(tensor.type)
  if (datatype === null || datatype === 'BYTES') {
    throw new Error(`output '${name}' has the type ${tensor.type}, which cannot be sent`)
  }
  // A copy: ONNX Runtime's own block must not outlive its thread in another one's hands.
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice()
  return { name, datatype, shape, data: new ortTypes[datatype].View(bytes.buffer) }
}

function signatureOfValue(value: InferenceSession.ValueMetadata): TensorSignature | null {
  if (!value.isTensor) return null
  const datatype = datatypeOf(value.type)
  if (datatype === null) return null
  return { name: value.name, datatype, shape: value.shape.map(dimensionOf) }
}

/** Open dimensions come as a name, an empty name, or (WebAssembly) -1 as an unsigned number. */
function dimensionOf(dimension: number | string): number {
  return typeof dimension === 'number' && dimension >= 0 && dimension < 0xffff_ffff ? dimension : -1
}

const ortTypes = {
  BOOL: { type: 'bool', View: Uint8Array },
  UINT8: { type: 'uint8', View: Uint8Array },
  UINT16: { type: 'uint16', View: Uint16Array },
  UINT32: { type: 'uint32', View: Uint32Array },
  UINT64: { type: 'uint64', View: BigUint64Array },
  INT8: { type: 'int8', View: Int8Array },
  INT16: { type: 'int16', View: Int16Array },
  INT32: { type: 'int32', View: Int32Array },
  INT64: { type: 'int64', View: BigInt64Array },
  FP16: { type: 'float16', View: Uint16Array },
  FP32: { type: 'float32', View: Float32Array },
  FP64: { type: 'float64', View: Float64Array },
} as const satisfies Record<NumericDatatype, { type: OrtTensor.Type; View: unknown }>

const datatypes: readonly NumericDatatype[] = [
  'BOOL',
  'UINT8',
  'UINT16',
  'UINT32',
  'UINT64',
  'INT8',
  'INT16',
  'INT32',
  'INT64',
  'FP16',
  'FP32',
  'FP64',
]

function datatypeOf(type: string): Tensor['datatype'] | null {
  if (type === 'string') return 'BYTES'
  return datatypes.find((datatype) => ortTypes[datatype].type === type) ?? null
}
