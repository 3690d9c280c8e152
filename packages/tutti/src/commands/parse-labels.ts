// Parse labels
//
// `a=b,c=d`, as options take labels.

import { Failure } from '../failure.ts'

/** Throws `tutti/argument-invalid`. */
export function parseLabels(text: string | undefined): Record<string, string> {
  if (text === undefined || text === '') return {}
  return Object.fromEntries(
    text.split(',').map((pair) => {
      const [key, value, more] = pair.split('=')
      if (key === undefined || key === '' || value === undefined || more !== undefined) {
        throw new Failure('tutti/argument-invalid', `labels: expected a=b,c=d, got ${text}`)
      }
      return [key, value]
    }),
  )
}
