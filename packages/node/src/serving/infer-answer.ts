// Infer answer
//
// The answer to an inference in the Open Inference Protocol v2: JSON, and after it the elements of those
// outputs that were asked for in binary.

import { formatBinaryData } from './binary-tensor.ts'
import type { RequestedOutput } from './infer-request.ts'
import { formatJsonData } from './json-tensor.ts'
import type { Tensor } from './tensor.ts'

export interface InferAnswer {
  readonly model: string
  readonly version: string
  readonly id: string | null
  /** In the order in which they were requested. */
  readonly outputs: readonly Tensor[]
}

export interface HttpContent {
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
}

/** The content of the HTTP answer; throws `node/answer-not-json` where JSON cannot carry it. */
export function formatInferAnswer(
  answer: InferAnswer,
  requested: readonly RequestedOutput[],
): HttpContent {
  const binaries: Uint8Array[] = []
  const outputs = answer.outputs.map((output) => {
    if (!requested.some(({ name, binary }) => binary && name === output.name)) {
      return `${formatHead(output)},"data":${formatJsonData(output)}}`
    }
    const bytes = formatBinaryData(output)
    binaries.push(bytes)
    return `${formatHead(output)},"parameters":{"binary_data_size":${bytes.byteLength}}}`
  })
  const id = answer.id === null ? '' : `,"id":${JSON.stringify(answer.id)}`
  const names = `"model_name":${JSON.stringify(answer.model)}`
  const version = `"model_version":${JSON.stringify(answer.version)}`
  const json = Buffer.from(`{${names},${version}${id},"outputs":[${outputs.join(',')}]}`, 'utf8')
  if (binaries.length === 0) return { headers: { 'content-type': 'application/json' }, body: json }
  return {
    headers: {
      'content-type': 'application/octet-stream',
      'inference-header-content-length': String(json.byteLength),
    },
    body: Buffer.concat([json, ...binaries]),
  }
}

/** Everything of an output but its elements, the object left open. */
function formatHead({ name, datatype, shape }: Tensor): string {
  return `{"name":${JSON.stringify(name)},"datatype":"${datatype}","shape":[${shape.join(',')}]`
}
