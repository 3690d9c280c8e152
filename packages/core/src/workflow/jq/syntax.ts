// Syntax
//
// The syntax tree of a jq expression, as the parser makes it and the compiler reads it.

import type { Json } from '../../resource/index.ts'

export type Syntax =
  | { readonly type: 'identity' }
  | { readonly type: 'literal'; readonly value: Json }
  | { readonly type: 'index'; readonly target: Syntax; readonly key: Syntax }
  | {
      readonly type: 'slice'
      readonly target: Syntax
      readonly from: Syntax | null
      readonly to: Syntax | null
    }
  | { readonly type: 'iterate'; readonly target: Syntax }
  | { readonly type: 'string'; readonly format: string; readonly parts: readonly StringPart[] }
  | { readonly type: 'format'; readonly name: string }
  | { readonly type: 'array'; readonly body: Syntax | null }
  | { readonly type: 'object'; readonly entries: readonly ObjectEntry[] }
  | { readonly type: 'negate'; readonly body: Syntax }
  | { readonly type: 'pipe'; readonly left: Syntax; readonly right: Syntax }
  | { readonly type: 'comma'; readonly left: Syntax; readonly right: Syntax }
  | { readonly type: 'and'; readonly left: Syntax; readonly right: Syntax }
  | { readonly type: 'or'; readonly left: Syntax; readonly right: Syntax }
  | { readonly type: 'alternative'; readonly left: Syntax; readonly right: Syntax }
  | {
      readonly type: 'binary'
      readonly operator: BinaryOperator
      readonly left: Syntax
      readonly right: Syntax
    }
  | {
      readonly type: 'assign'
      readonly operator: AssignOperator
      readonly left: Syntax
      readonly right: Syntax
    }
  | {
      readonly type: 'if'
      readonly condition: Syntax
      readonly then: Syntax
      readonly otherwise: Syntax
    }
  | { readonly type: 'try'; readonly body: Syntax; readonly handler: Syntax | null }
  | {
      readonly type: 'reduce'
      readonly source: Syntax
      readonly patterns: readonly Pattern[]
      readonly start: Syntax
      readonly update: Syntax
    }
  | {
      readonly type: 'foreach'
      readonly source: Syntax
      readonly patterns: readonly Pattern[]
      readonly start: Syntax
      readonly update: Syntax
      readonly extract: Syntax | null
    }
  | { readonly type: 'define'; readonly definition: Definition; readonly body: Syntax }
  | {
      readonly type: 'call'
      readonly name: string
      readonly args: readonly Syntax[]
      readonly at: number
    }
  | { readonly type: 'variable'; readonly name: string; readonly at: number }
  | {
      readonly type: 'bind'
      readonly source: Syntax
      readonly patterns: readonly Pattern[]
      readonly body: Syntax
    }
  | { readonly type: 'label'; readonly name: string; readonly body: Syntax }
  | { readonly type: 'break'; readonly name: string; readonly at: number }

export type StringPart = string | Syntax
export type BinaryOperator = '+' | '-' | '*' | '/' | '%' | '==' | '!=' | '<' | '<=' | '>' | '>='
export type AssignOperator = '=' | '|=' | '+=' | '-=' | '*=' | '/=' | '%=' | '//='

export interface ObjectEntry {
  readonly key: Syntax
  readonly value: Syntax
}

export interface Definition {
  readonly name: string
  readonly parameters: readonly string[]
  readonly body: Syntax
}

/** What stands after `as`. */
export type Pattern =
  | { readonly type: 'variable'; readonly name: string }
  | { readonly type: 'array'; readonly items: readonly Pattern[] }
  | { readonly type: 'object'; readonly entries: readonly PatternEntry[] }

export interface PatternEntry {
  readonly key: Syntax
  /** The variable of `{$name}` and `{$name: …}`. */
  readonly variable: string | null
  readonly value: Pattern | null
}

/** The names that a pattern binds, in order of appearance. */
export function namesOf(pattern: Pattern): readonly string[] {
  switch (pattern.type) {
    case 'variable':
      return [pattern.name]
    case 'array':
      return pattern.items.flatMap(namesOf)
    case 'object':
      return pattern.entries.flatMap(({ variable, value }) => [
        ...(variable === null ? [] : [variable]),
        ...(value === null ? [] : namesOf(value)),
      ])
  }
}
