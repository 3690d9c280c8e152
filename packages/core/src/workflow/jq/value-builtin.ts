// Value builtin
//
// A builtin over values: it is called once for every combination of its arguments' outputs.

import type { Json } from '../../resource/index.ts'
import type { Run } from './run.ts'

export type ValueBuiltin = (input: Json, args: readonly Json[], run: Run) => Json

/** The argument at that place; the compiler has seen to their number. */
export function argument(args: readonly Json[], index: number): Json {
  return args[index] ?? null
}
