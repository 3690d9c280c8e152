// Builtins: substitution
//
// `sub` and `gsub`. Where the replacement has several outputs, the first one makes the first result out of
// all matches, the second one the second, and so on.

import type { Json } from '../../resource/index.ts'
import { collect, type Env, eachOutput, type Filter, manyFilter } from './filter.ts'
import { type FilterBuiltin, filterAt } from './filter-builtin.ts'
import { describe, fail } from './jq-error.ts'
import { captured, matchesOf } from './pattern.ts'

export const substitutionBuiltins: Readonly<Record<string, FilterBuiltin>> = {
  'sub/2': (args) => substitution(args, null, ''),
  'sub/3': (args) => substitution(args, filterAt(args, 2), ''),
  'gsub/2': (args) => substitution(args, null, 'g'),
  'gsub/3': (args) => substitution(args, filterAt(args, 2), 'g'),
}

function substitution(args: readonly Filter[], flags: Filter | null, more: string): Filter {
  const pattern = filterAt(args, 0)
  const replacement = filterAt(args, 1)
  return manyFilter((input, env, emit) =>
    eachOutput(pattern, input, env, (source) => {
      if (flags === null)
        return substitute({ input, source, letters: more }, replacement, env, emit)
      return eachOutput(flags, input, env, (value) => {
        if (typeof value !== 'string') return fail(`${describe(value)} is not a string`)
        return substitute({ input, source, letters: value + more }, replacement, env, emit)
      })
    }),
  )
}

function substitute(
  of: { readonly input: Json; readonly source: Json; readonly letters: string },
  replacement: Filter,
  env: Env,
  emit: (value: Json) => boolean,
): boolean {
  const { input, source, letters } = of
  const matches = matchesOf(input, source, letters, env.run)
  if (matches.length === 0 || typeof input !== 'string') return emit(input)
  const points = [...input]
  const inserts = matches.map((match) => collect(replacement, captured(match), env))
  const results = Math.max(...inserts.map((some) => some.length))
  for (let i = 0; i < results; i++) {
    let text = ''
    let from = 0
    for (const [index, { offset, length }] of matches.entries()) {
      const insert = inserts[index]?.[i] ?? ''
      if (typeof insert !== 'string') return fail(`${describe(insert)} cannot be added to a string`)
      text += points.slice(from, offset).join('') + insert
      from = offset + length
    }
    if (!emit(env.run.text(text + points.slice(from).join('')))) return false
  }
  return true
}
