// Signature
//
// What a model takes and gives: what its variant declares, checked against what the loaded session says.

import { shapeFits, type TensorSignature, type Variant } from '@tutti/core/fleet'
import { Failure } from '../failure.ts'

export interface ModelSignature {
  readonly inputs: readonly TensorSignature[]
  readonly outputs: readonly TensorSignature[]
}

/**
 * The signature to serve: the variant's where it declares one, else the session's. What is declared
 * must exist with the same datatype; of its shape the session may know less than the publisher.
 */
export function signatureOf(
  variant: Pick<Variant, 'name' | 'inputs' | 'outputs'>,
  session: ModelSignature,
): ModelSignature {
  const inputs = variant.inputs.length > 0 ? variant.inputs : session.inputs
  const outputs = variant.outputs.length > 0 ? variant.outputs : session.outputs
  const complaints = [
    ...inputs.flatMap((declared) => complaintOf('input', declared, session.inputs)),
    ...outputs.flatMap((declared) => complaintOf('output', declared, session.outputs)),
    ...session.inputs
      .filter(({ name }) => !inputs.some((declared) => declared.name === name))
      .map(({ name }) => `input '${name}' of the file is not declared`),
  ]
  if (complaints.length === 0) return { inputs, outputs }
  throw new Failure(
    'node/model-mismatch',
    `variant ${variant.name} does not describe its file: ${complaints.join('; ')}`,
  )
}

/** True where every tensor has an open dimension 0, so that requests may share one run. */
export function isBatchable({ inputs, outputs }: ModelSignature): boolean {
  return inputs.length > 0 && [...inputs, ...outputs].every(({ shape }) => shape[0] === -1)
}

function complaintOf(
  role: 'input' | 'output',
  declared: TensorSignature,
  session: readonly TensorSignature[],
): string[] {
  const found = session.find(({ name }) => name === declared.name)
  if (found === undefined) {
    const names = session.map(({ name }) => name).join(', ')
    return [`${role} '${declared.name}' is not a tensor of the file, which has: ${names}`]
  }
  if (found.datatype !== declared.datatype) {
    return [`${role} '${declared.name}' is ${found.datatype}, declared ${declared.datatype}`]
  }
  if (mayFit(found.shape, declared.shape)) return []
  return [`${role} '${declared.name}' has shape [${found.shape}], declared [${declared.shape}]`]
}

/** Some concrete shape satisfies both. A session that knows no rank says []. */
function mayFit(session: readonly number[], declared: readonly number[]): boolean {
  if (session.length === 0) return true
  const concrete = declared.map((dimension, i) =>
    dimension === -1 ? (session[i] ?? -1) : dimension,
  )
  return shapeFits(session, concrete)
}
