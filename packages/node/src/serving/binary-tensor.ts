// Binary tensor
//
// Tensor data in the binary extension of the Open Inference Protocol: after the JSON, raw little-endian
// elements in row-major order; a BYTES element is its length as 4 bytes and then its bytes. Input is
// hostile: a length is believed only when as many bytes are there.

import { TextDecoder } from 'node:util'
import { datatypeBytes, elementCount } from '@tutti/core/fleet'
import { Failure } from '../failure.ts'
import { rawBytes, type Tensor, viewOf, whyStringUnfit } from './tensor.ts'

type TensorHead = Pick<Tensor, 'name' | 'datatype' | 'shape'>

const lengthBytes = 4

/** Reads the bytes of a tensor whose name, datatype and shape have been checked; copies them. */
export function parseBinaryData(bytes: Uint8Array, head: TensorHead): Tensor {
  const { name, datatype, shape } = head
  const count = elementCount(shape)
  if (datatype === 'BYTES') return { name, datatype, shape, data: parseStrings(bytes, head, count) }
  const expected = count * datatypeBytes[datatype]
  if (bytes.byteLength !== expected) {
    const what = `${datatype} of shape [${shape}]`
    throw invalid(head, `expected ${expected} bytes for ${what}, got ${bytes.byteLength}`)
  }
  // A copy: the body is one block, and a worker takes over whole blocks only.
  return { name, datatype, shape, data: viewOf(datatype, new Uint8Array(bytes).buffer) }
}

/** The bytes of a tensor, not copied where it is numeric. */
export function formatBinaryData(tensor: Tensor): Uint8Array {
  if (tensor.datatype !== 'BYTES') return rawBytes(tensor.data)
  const parts = tensor.data.flatMap((text) => {
    const content = Buffer.from(text, 'utf8')
    const length = Buffer.alloc(lengthBytes)
    length.writeUInt32LE(content.byteLength)
    return [length, content]
  })
  return Buffer.concat(parts)
}

function parseStrings(bytes: Uint8Array, head: TensorHead, count: number): string[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  const strings: string[] = []
  let offset = 0
  while (offset < bytes.byteLength) {
    if (offset + lengthBytes > bytes.byteLength) throw invalid(head, 'ends inside a length')
    const length = view.getUint32(offset, true)
    const start = offset + lengthBytes
    offset = start + length
    if (offset > bytes.byteLength) {
      const left = bytes.byteLength - start
      throw invalid(head, `element ${strings.length} claims ${length} bytes, ${left} are left`)
    }
    const text = decodeText(decoder, bytes.subarray(start, offset), head)
    const unfit = whyStringUnfit(text)
    if (unfit !== null) throw invalid(head, `element ${strings.length} ${unfit}`)
    strings.push(text)
  }
  if (strings.length !== count) {
    throw invalid(head, `expected ${count} elements, got ${strings.length}`)
  }
  return strings
}

function decodeText(decoder: TextDecoder, bytes: Uint8Array, head: TensorHead): string {
  try {
    return decoder.decode(bytes)
  } catch (cause) {
    // ONNX Runtime holds strings as UTF-8; other bytes would reach the model altered.
    throw invalid(head, 'holds an element that is not UTF-8', cause)
  }
}

function invalid(head: TensorHead, complaint: string, cause?: unknown): Failure {
  const message = `tensor '${head.name}': binary data ${complaint}`
  return new Failure('node/request-invalid', message, { cause })
}
