// Model
//
// One Model resource is one immutable version of a model, named `parts:v3`. It holds variants: the same
// task by another file, precision, runtime or size. A node takes the first variant that fits it, so the
// publisher lists the best first. Files are named by SHA-256; the publisher's signature (an OpenSSF Model
// Signing bundle) covers every file, the golden inputs and outputs included.
//
// This file says what a model is and which variant fits a node. It fetches and verifies nothing.

import { z } from 'zod'
import { digest, dnsName } from '../resource/index.ts'
import { tensorSignature } from './tensor.ts'

/** A file of a model: path inside the model, content digest and size in bytes. */
export const modelFile = z.strictObject({
  path: z
    .string()
    .max(512)
    .regex(
      /^(?!\/)(?!.*(^|\/)\.\.?(\/|$))[\w.@+-]+(\/[\w.@+-]+)*$/,
      'expected a relative path without ..',
    ),
  digest,
  sizeBytes: z.int().min(0),
})
export type ModelFile = z.infer<typeof modelFile>

/** How an answer becomes one label, so that a caller's feedback can be compared with it. */
export const prediction = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('argmax'),
    output: z.string(),
    labels: z.array(z.string()).min(2).max(10_000),
  }),
  z.strictObject({
    kind: z.literal('threshold'),
    output: z.string(),
    threshold: z.number(),
    /** The label below the threshold, then the label from the threshold upwards. */
    labels: z.tuple([z.string(), z.string()]),
  }),
])
export type Prediction = z.infer<typeof prediction>

export const variant = z.strictObject({
  name: dnsName,
  format: z.enum(['onnx', 'gguf', 'safetensors']),
  precision: z.enum(['fp32', 'fp16', 'bf16', 'int8', 'int4']),
  /** The file to load first, then whatever it refers to. */
  files: z.array(modelFile).min(1).max(1_000),
  /**
   * Path of the golden file among `files`; without one the probe only proves that the model
   * loads.
   */
  golden: z.string().optional(),
  inputs: z.array(tensorSignature).max(64),
  outputs: z.array(tensorSignature).max(64),
  /** Greatest number of items along dimension 0 in one call; 1 where the model does not batch. */
  batchMax: z.int().min(1).max(4096).default(1),
  requires: z
    .strictObject({
      /** Memory that a node must be able to give to this variant. */
      memoryBytes: z.int().min(0).default(0),
      nodeLabels: z.record(z.string(), z.string()).default({}),
    })
    .default({ memoryBytes: 0, nodeLabels: {} }),
})
export type Variant = z.infer<typeof variant>

export const modelSpec = z.strictObject({
  model: dnsName,
  version: z
    .string()
    .regex(/^[a-z0-9][a-z0-9._-]{0,62}$/, 'expected lower-case letters, digits, . _ -'),
  task: z.string().min(1).max(63),
  prediction: prediction.optional(),
  variants: z.array(variant).min(1).max(16),
  /** The OpenSSF Model Signing v1 bundle, a JSON file in the blob store. */
  signature: z.strictObject({ digest, sizeBytes: z.int().min(0) }).optional(),
})
export type ModelSpec = z.infer<typeof modelSpec>

/**
 * Why a publisher's signature does not cover a model: names the file; null where it covers every
 * one.
 */
export function checkSignedFiles(
  model: ModelSpec,
  signed: readonly { readonly path: string; readonly digest: string }[],
): string | null {
  const digests = new Map(signed.map((file) => [file.path, file.digest]))
  for (const file of model.variants.flatMap((candidate) => candidate.files)) {
    const digest = digests.get(file.path)
    if (digest === undefined) return `${file.path} is not covered by the signature`
    if (digest !== file.digest) {
      return `${file.path} has ${file.digest}, the publisher signed ${digest}`
    }
  }
  return null
}

/** What of a node decides which variant fits it. */
export interface VariantFit {
  readonly formats: readonly Variant['format'][]
  readonly memoryBytes: number
  readonly labels: Readonly<Record<string, string>>
}

/** The first variant that fits the node, or why none does. */
export function pickVariant(
  variants: readonly Variant[],
  node: VariantFit,
):
  | { readonly ok: true; readonly variant: Variant }
  | { readonly ok: false; readonly reason: string } {
  const misfits: string[] = []
  for (const candidate of variants) {
    const misfit = misfitOf(candidate, node)
    if (misfit === null) return { ok: true, variant: candidate }
    misfits.push(`${candidate.name} ${misfit}`)
  }
  return { ok: false, reason: `no variant fits this node: ${misfits.join('; ')}` }
}

function misfitOf(variant: Variant, node: VariantFit): string | null {
  if (!node.formats.includes(variant.format)) return `needs a runtime for ${variant.format}`
  const { memoryBytes, nodeLabels } = variant.requires
  if (memoryBytes > node.memoryBytes) {
    return `needs ${memoryBytes} bytes of memory, the node gives ${node.memoryBytes}`
  }
  const missing = Object.entries(nodeLabels).find(([key, value]) => node.labels[key] !== value)
  return missing === undefined ? null : `needs the label ${missing[0]}=${missing[1]}`
}
