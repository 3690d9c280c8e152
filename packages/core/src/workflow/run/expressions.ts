// Expressions
//
// The expressions of one document, each compiled once, and templates: JSON in which texts of the form
// `${ … }` stand for what they give.

import type { Json } from '../../resource/index.ts'
import { compileJq, type Expression, evaluateJq } from '../jq/index.ts'
import { fault } from './workflow-error.ts'

/** What every expression may name, in the order in which values are given. */
export const globalNames = [
  'context',
  'input',
  'output',
  'secrets',
  'authorization',
  'task',
  'workflow',
  'runtime',
] as const
export type GlobalName = (typeof globalNames)[number]

export interface Sight {
  /** The value of a global name; asked for only where an expression mentions it. */
  readonly global: (name: GlobalName) => Json
  /** Variables of loops and catches, outermost first. */
  readonly names: readonly string[]
  readonly values: readonly Json[]
  readonly nowMs: number
}

interface Compiled {
  readonly expression: Expression
  /** The global names that it mentions, and their places. */
  readonly mentioned: readonly { readonly name: GlobalName; readonly index: number }[]
}

const unmentioned: readonly null[] = globalNames.map(() => null)
const wrapped = /^\s*\$\{([\s\S]*)\}\s*$/

/** The jq of `${ … }`; null where the text is no expression. */
export function expressionIn(text: string): string | null {
  return wrapped.exec(text)?.[1] ?? null
}

export class Expressions {
  /** By source and variables. Grown by `#compiled` alone; bounded by the document's size. */
  readonly #compiled = new Map<string, Compiled>()

  /** Null where it is valid jq over these variables; else what is wrong. */
  check(text: string, names: readonly string[]): string | null {
    const compiled = this.#compile(expressionIn(text) ?? text, names)
    return typeof compiled === 'string' ? compiled : null
  }

  /** The value of an expression, with or without `${ }` around it. */
  evaluate(text: string, input: Json, sight: Sight): Json {
    const compiled = this.#compile(expressionIn(text) ?? text, sight.names)
    if (typeof compiled === 'string') return fault('expression', `${text}: ${compiled}`)
    const { expression, mentioned } = compiled
    const globals: Json[] = [...unmentioned, ...sight.values]
    for (const { index, name } of mentioned) globals[index] = sight.global(name)
    const result = evaluateJq(expression, { input, globals, nowMs: sight.nowMs })
    return result.ok ? result.value : fault('expression', `${text}: ${result.reason}`)
  }

  isTrue(text: string, input: Json, sight: Sight): boolean {
    const value = this.evaluate(text, input, sight)
    return value !== null && value !== false
  }

  /** JSON with every `${ … }` in it replaced by what it gives. */
  fill(template: Json, input: Json, sight: Sight): Json {
    if (typeof template === 'string') {
      return wrapped.test(template) ? this.evaluate(template, input, sight) : template
    }
    if (typeof template !== 'object' || template === null) return template
    if (Array.isArray(template)) return template.map((item) => this.fill(item, input, sight))
    return Object.fromEntries(
      Object.entries(template).map(([key, item]) => [key, this.fill(item, input, sight)]),
    )
  }

  /** A text is an expression even without `${ }`; anything else is a template. */
  transform(template: Json, input: Json, sight: Sight): Json {
    if (typeof template === 'string') return this.evaluate(template, input, sight)
    return this.fill(template, input, sight)
  }

  #compile(source: string, names: readonly string[]): Compiled | string {
    const key = names.length === 0 ? source : `${names.join(' ')}\n${source}`
    const held = this.#compiled.get(key)
    if (held !== undefined) return held
    // Of two variables of one name the inner one counts.
    const globals = [...globalNames, ...names].map((name, i, all) =>
      all.lastIndexOf(name) === i ? name : '',
    )
    const compiled = compileJq(source, globals)
    if (!compiled.ok) return compiled.reason
    const mentioned = globalNames
      .map((name, index) => ({ name, index }))
      .filter(({ name }) => source.includes(`$${name}`))
    const made = { expression: compiled.expression, mentioned }
    this.#compiled.set(key, made)
    return made
  }
}
