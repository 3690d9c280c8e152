// Tensor
//
// A named, typed, shaped block of numbers or strings in the form that the Open Inference Protocol v2
// gives it (REST, "Tensor Data"): what models take, what they return, and what golden files hold.

import { z } from 'zod'

/**
 * Datatypes of the Open Inference Protocol v2, with the size of one element in bytes (BYTES: 0,
 * it varies).
 */
export const datatypeBytes = {
  BOOL: 1,
  UINT8: 1,
  UINT16: 2,
  UINT32: 4,
  UINT64: 8,
  INT8: 1,
  INT16: 2,
  INT32: 4,
  INT64: 8,
  FP16: 2,
  FP32: 4,
  FP64: 8,
  BYTES: 0,
} as const

export type Datatype = keyof typeof datatypeBytes

export const datatype = z.enum(Object.keys(datatypeBytes) as [Datatype, ...Datatype[]])

/** Name, datatype and shape of one input or output; a dimension of -1 takes any size. */
export const tensorSignature = z.strictObject({
  name: z.string().min(1).max(256),
  datatype,
  shape: z.array(z.int().min(-1)).max(8),
})
export type TensorSignature = z.infer<typeof tensorSignature>

/**
 * A tensor as JSON: `data` is flat, in row-major order. 64-bit integers are JSON numbers as OIP
 * has them.
 */
export const jsonTensor = z.strictObject({
  ...tensorSignature.shape,
  shape: z.array(z.int().min(0)).max(8),
  data: z.array(z.union([z.number(), z.string(), z.boolean()])),
})
export type JsonTensor = z.infer<typeof jsonTensor>

/** Number of elements that a concrete shape holds. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, dimension) => product * dimension, 1)
}

/** True where a concrete shape satisfies a signature's shape (-1 takes any size). */
export function shapeFits(signature: readonly number[], shape: readonly number[]): boolean {
  return (
    signature.length === shape.length &&
    signature.every((dimension, i) => dimension === -1 || dimension === shape[i])
  )
}
