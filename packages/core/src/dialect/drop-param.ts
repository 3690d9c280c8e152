// Drop param
//
// A member that a request may do without: who runs a target names it, and where the target's dialect has no
// counterpart of it the request goes there without.

import { isObject, type JsonObject } from './json.ts'

/** E.g. `top_k`, `generationConfig.topK`, and `tools[]` for those of a list that are not known. */
export const droppableParam = /^[A-Za-z]\w*(\[\])?(\.[A-Za-z]\w*(\[\])?)*$/

/** What is said, who is asked, and what an answer may cost at most: no request goes without. */
export const keptParams: ReadonlySet<string> = new Set([
  ...['model', 'stream', 'messages', 'contents', 'content', 'input', 'prompt'],
  ...['instructions', 'system'],
  ...['systemInstruction', 'system_instruction', 'generationConfig', 'generation_config'],
  ...['max_tokens', 'max_completion_tokens', 'max_output_tokens'],
  ...['generationConfig.maxOutputTokens', 'generationConfig.max_output_tokens'],
])

/** True for a name that may be declared. */
export function mayDrop(name: string): boolean {
  const [root = ''] = name.split(/[[.]/)
  const isSaid = keptParams.has(root) && !root.startsWith('generation')
  return droppableParam.test(name) && !keptParams.has(name) && !isSaid
}

/**
 * The request without the member that a field is in, and which name it has; null where no name
 * covers the field, or nothing is there. The request itself stays as it is.
 */
export function withoutParam(
  body: JsonObject,
  field: string,
  names: readonly string[],
): { readonly body: JsonObject; readonly name: string } | null {
  const steps = stepsOf(field)
  for (const name of names) {
    const pattern = stepsOf(name)
    const isIn = pattern.length <= steps.length && pattern.every((step, i) => isOf(step, steps[i]))
    if (!isIn) continue
    const less = without(body, steps.slice(0, pattern.length))
    if (isObject(less)) return { body: less, name }
  }
  return null
}

type Step = string | number

/** Of `tools[4].type`: `tools`, 4, `type`; -1 is any place of a list, or all of them. */
function stepsOf(path: string): Step[] {
  const steps: Step[] = []
  for (const [, name, place] of path.matchAll(/([^.[\]]+)|\[(\d*)\]/g)) {
    steps.push(name ?? (place === '' ? -1 : Number(place)))
  }
  return steps
}

function isOf(pattern: Step, step: Step | undefined): boolean {
  return pattern === -1 ? typeof step === 'number' : pattern === step
}

/** Null where nothing is there. */
function without(value: unknown, [step, ...more]: readonly Step[]): unknown {
  if (Array.isArray(value)) {
    if (step === -1) return withoutInEach(value, more)
    if (typeof step !== 'number' || step >= value.length) return null
    if (more.length === 0) return value.toSpliced(step, 1)
    const inner = without(value[step], more)
    return inner === null ? null : value.with(step, inner)
  }
  const name = isObject(value) ? nameIn(value, step) : null
  if (name === null || !isObject(value)) return null
  const { [name]: member, ...others } = value
  if (more.length === 0) return others
  const inner = without(member, more)
  return inner === null ? null : { ...value, [name]: inner }
}

/** Of a field that is told of all of a list. */
function withoutInEach(list: readonly unknown[], more: readonly Step[]): unknown {
  if (more.length === 0) return null
  const less = list.map((one) => without(one, more) ?? one)
  return less.some((one, place) => one !== list[place]) ? less : null
}

/** Google's dialect is read in two ways of writing names, and fields are told in one. */
function nameIn(value: JsonObject, step: Step | undefined): string | null {
  if (typeof step !== 'string') return null
  const snake = step.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
  return [step, snake].find((name) => Object.hasOwn(value, name)) ?? null
}
