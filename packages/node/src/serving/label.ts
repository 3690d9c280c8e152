// Label
//
// Which label an answer stands for, by the model's `prediction`, one per row, so that a caller's feedback
// can be compared with it.

import type { Prediction } from '@tutti/core/fleet'
import { numbersOf, type Tensor } from './tensor.ts'

/** One label per row, null where the answer has none to give. */
export function labelRows(prediction: Prediction, outputs: readonly Tensor[]): (string | null)[] {
  const output = outputs.find(({ name }) => name === prediction.output)
  if (output === undefined || output.datatype === 'BYTES') return []
  switch (prediction.kind) {
    case 'argmax':
      return argmaxRows(numbersOf(output), output.shape.at(-1) ?? 1).map(
        (index) => prediction.labels[index] ?? null,
      )
    case 'threshold':
      return numbersOf(output).map((score) =>
        Number.isNaN(score) ? null : prediction.labels[score < prediction.threshold ? 0 : 1],
      )
  }
}

/** The index of the greatest element of each row; -1 where there is none. NaN never wins. */
function argmaxRows(data: readonly number[], width: number): number[] {
  const labels: number[] = []
  for (let start = 0; width > 0 && start + width <= data.length; start += width) {
    let best = -1
    let bestValue = Number.NEGATIVE_INFINITY
    for (let k = 0; k < width; k++) {
      const value = data[start + k] ?? Number.NaN
      if (best < 0 ? !Number.isNaN(value) : value > bestValue) {
        best = k
        bestValue = value
      }
    }
    labels.push(best)
  }
  return labels
}
