// Why no condition
//
// What is wrong with a Route's condition, before any gateway is told of it: by the same interpreter, variables and
// limits that a gateway runs it with.

import { Environment } from '@marcbachmann/cel-js'
import { conditionLimits, conditionVariables, whyUnfit } from '@tutti/core/routing'

/** The sentence that says so, or null. */
export function whyNoCondition(text: string): string | null {
  const environment = new Environment({ limits: conditionLimits })
  for (const [name, schema] of Object.entries(conditionVariables)) {
    environment.registerVariable({ name, schema })
  }
  try {
    const checked = environment.check(text)
    if (!checked.valid) return firstLine(checked.error?.message ?? 'it is no expression of CEL')
    if (checked.type !== 'bool') return `expected a condition, got a value of type ${checked.type}`
    return whyUnfit(environment.parse(text).ast)
  } catch (error) {
    return firstLine(error instanceof Error ? error.message : String(error))
  }
}

function firstLine(message: string): string {
  return message.split('\n', 1)[0] ?? message
}
