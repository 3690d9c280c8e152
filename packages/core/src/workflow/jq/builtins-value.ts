// Builtins: value
//
// All builtins over values, by name and number of arguments.

import { collectionBuiltins } from './builtins-collection.ts'
import { mathBuiltins } from './builtins-math.ts'
import { patternBuiltins } from './builtins-pattern.ts'
import { textBuiltins } from './builtins-text.ts'
import { timeBuiltins } from './builtins-time.ts'
import { typeBuiltins } from './builtins-type.ts'
import { formats } from './format.ts'
import { fail } from './jq-error.ts'
import { argument, type ValueBuiltin } from './value-builtin.ts'

const format: ValueBuiltin = (input, args, run) => {
  const name = argument(args, 0)
  const write = formats.get(`@${name}`)
  return write === undefined ? fail(`${name} is not a valid format`) : write(input, run)
}

export const valueBuiltins: ReadonlyMap<string, ValueBuiltin> = new Map(
  Object.entries({
    ...typeBuiltins,
    ...mathBuiltins,
    ...textBuiltins,
    ...collectionBuiltins,
    ...patternBuiltins,
    ...timeBuiltins,
    'format/1': format,
  }),
)
