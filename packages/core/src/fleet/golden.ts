// Golden
//
// A golden file holds inputs with the outputs that the publisher saw. A node runs the inputs on its own
// hardware before a model may serve (the probe, invariant I2). This file decides whether what came out
// is what was promised; `node/serving` runs the model.

import { z } from 'zod'
import { type JsonTensor, jsonTensor } from './tensor.ts'

export const golden = z.strictObject({
  /**
   * `close`: |seen - promised| ≤ absolute + relative·|promised|. `label`: the same argmax of
   * `output`.
   */
  comparison: z.discriminatedUnion('kind', [
    z.strictObject({
      kind: z.literal('close'),
      absolute: z.number().min(0).default(1e-4),
      relative: z.number().min(0).default(1e-3),
    }),
    z.strictObject({
      kind: z.literal('label'),
      output: z.string(),
      /** Least share of items, from 0 to 1, whose label must agree. */
      agreementMin: z.number().min(0).max(1),
    }),
  ]),
  cases: z
    .array(z.strictObject({ inputs: z.array(jsonTensor), outputs: z.array(jsonTensor).min(1) }))
    .min(1)
    .max(1_000),
})
export type Golden = z.infer<typeof golden>

export type ProbeVerdict =
  | { readonly ok: true; readonly cases: number }
  | { readonly ok: false; readonly reason: string }

/** Compares the outputs seen, one list per case, with the golden outputs. */
export function decideProbe(file: Golden, seen: readonly (readonly JsonTensor[])[]): ProbeVerdict {
  if (seen.length !== file.cases.length) {
    return { ok: false, reason: `expected ${file.cases.length} answers, got ${seen.length}` }
  }
  const { comparison } = file
  switch (comparison.kind) {
    case 'close':
      return decideClose(file, seen, comparison)
    case 'label':
      return decideLabels(file, seen, comparison)
  }
}

function decideClose(
  file: Golden,
  seen: readonly (readonly JsonTensor[])[],
  bound: { readonly absolute: number; readonly relative: number },
): ProbeVerdict {
  for (const [i, { outputs }] of file.cases.entries()) {
    for (const promised of outputs) {
      const answer = seen[i]?.find((tensor) => tensor.name === promised.name)
      const difference = answer ? differenceOf(promised, answer, bound) : 'is missing'
      if (difference !== null) {
        return { ok: false, reason: `golden case ${i}: output ${promised.name} ${difference}` }
      }
    }
  }
  return { ok: true, cases: file.cases.length }
}

function differenceOf(
  promised: JsonTensor,
  answer: JsonTensor,
  bound: { readonly absolute: number; readonly relative: number },
): string | null {
  if (promised.data.length !== answer.data.length) {
    return `has ${answer.data.length} elements, expected ${promised.data.length}`
  }
  for (const [k, expected] of promised.data.entries()) {
    const got = answer.data[k]
    const close =
      typeof expected === 'number' && typeof got === 'number'
        ? Math.abs(got - expected) <= bound.absolute + bound.relative * Math.abs(expected) ||
          Object.is(got, expected)
        : got === expected
    if (!close) return `at ${k} is ${got}, expected ${expected}`
  }
  return null
}

function decideLabels(
  file: Golden,
  seen: readonly (readonly JsonTensor[])[],
  rule: { readonly output: string; readonly agreementMin: number },
): ProbeVerdict {
  let items = 0
  let agreed = 0
  for (const [i, { outputs }] of file.cases.entries()) {
    const promised = outputs.find((tensor) => tensor.name === rule.output)
    const answer = seen[i]?.find((tensor) => tensor.name === rule.output)
    if (!promised) return { ok: false, reason: `golden case ${i} has no output ${rule.output}` }
    const expectedLabels = argmaxRows(promised)
    const labels = answer ? argmaxRows(answer) : []
    items += expectedLabels.length
    agreed += expectedLabels.filter((label, k) => label >= 0 && label === labels[k]).length
  }
  const share = items === 0 ? 0 : agreed / items
  if (share >= rule.agreementMin) return { ok: true, cases: file.cases.length }
  return {
    ok: false,
    reason:
      `golden labels agree for ${agreed} of ${items} items (${share.toFixed(3)}), ` +
      `expected at least ${rule.agreementMin}`,
  }
}

/**
 * The index of the greatest element of each row, a row being the last dimension; NaN never wins.
 */
export function argmaxRows(tensor: JsonTensor): number[] {
  const width = tensor.shape.at(-1) ?? 1
  const labels: number[] = []
  for (let start = 0; start + width <= tensor.data.length && width > 0; start += width) {
    let best = -1
    for (let k = 0; k < width; k++) {
      const value = Number(tensor.data[start + k])
      if (!Number.isNaN(value) && (best < 0 || value > Number(tensor.data[start + best]))) best = k
    }
    labels.push(best)
  }
  return labels
}
