// Conformance: jq
//
// Runs every case of jq's own test file (tests/jq.test, MIT) through core's compiler: the outputs must be equal
// as values, in number and order. A program that jq refuses must be refused; the wording is our own.

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { compileJq, evaluateAllJq, readJson } from '@tutti/core/workflow'
import { type JqCase, parseJqTests } from './jq-tests.ts'
import { type Score, Scoring } from './score.ts'

export const jqTests = 'workflow/jq/tests/jq.test'

/** What a workflow's expressions leave out on purpose. */
const excluded: readonly { readonly fits: RegExp; readonly reason: string }[] = [
  {
    fits: /^(import|include) (?!.*(\(\.\+1\)| \[\];|"\\ "|"\\\())|modulemeta/,
    reason: 'modules: an expression sees no files',
  },
]

export async function jq(dataFolder: string): Promise<Score> {
  const cases = parseJqTests(await readFile(join(dataFolder, jqTests), 'utf8'))
  const scoring = new Scoring()
  const left = new Map<string, number[]>()
  for (const one of cases) {
    const reason = excluded.find(({ fits }) => fits.test(one.program))?.reason
    if (reason !== undefined && one.wanted.kind !== 'refused') {
      left.set(reason, [...(left.get(reason) ?? []), one.line])
      continue
    }
    const wrong = whyWrong(one)
    scoring.check(wrong === null, `line ${one.line}: ${one.program}: ${wrong}`)
  }
  const { passed, total, notes } = scoring.score
  const exclusions = [...left].map(
    ([reason, lines]) => `not run, ${lines.length} cases, ${reason} (lines ${lines.join(', ')})`,
  )
  return { passed, total, notes: [...exclusions, ...notes] }
}

/** Null where the case does what it should. */
function whyWrong({ program, wanted }: JqCase): string | null {
  const compiled = compileJq(program, [])
  if (wanted.kind === 'refused') return compiled.ok ? 'expected a refusal' : null
  if (!compiled.ok) return compiled.reason
  const input = readJson(wanted.input)
  if (!input.ok) return input.reason
  const got = evaluateAllJq(compiled.expression, { input: input.value, globals: [], nowMs: 0 })
  if (got.ok && wanted.kind === 'error') return 'expected an error'
  // As jq's own runner does, an error is let pass once all outputs are there.
  const isDone = wanted.kind === 'error' || wanted.outputs.length > 0
  if (!got.ok && !isDone) return got.reason
  const expected = wanted.outputs.map((text) => readJson(text))
  const isEqual =
    expected.length === got.values.length &&
    expected.every((one, i) => one.ok && isSame(one.value, got.values[i]))
  return isEqual ? null : `gave ${JSON.stringify(got.values).slice(0, 300)}`
}

/** Equal as JSON values; as in jq's output NaN is null and infinity the greatest number. */
function isSame(a: unknown, b: unknown): boolean {
  if (typeof a === 'number') return Object.is(clamp(a), b) || clamp(a) === b
  if (a === null || typeof a !== 'object') return a === b
  if (Array.isArray(a)) {
    return Array.isArray(b) && a.length === b.length && a.every((item, i) => isSame(item, b[i]))
  }
  if (typeof b !== 'object' || b === null || Array.isArray(b)) return false
  const left = Object.entries(a)
  const right = new Map(Object.entries(b))
  return left.length === right.size && left.every(([key, item]) => isSame(item, right.get(key)))
}

function clamp(value: number): number | null {
  if (Number.isNaN(value)) return null
  return Math.max(-Number.MAX_VALUE, Math.min(Number.MAX_VALUE, value))
}
