// Bench: jq
//
// Claim: a small expression of a workflow takes at most one microsecond. Each is compiled once, as the engine
// does, and evaluated over and over; the peer is the same written by hand in JavaScript.

import { compileJq, evaluateJq } from '@tutti/core/workflow'
import { report, round } from './report.ts'

const turns = 300_000
const rounds = 5
const microsecondsMax = 1

interface Small {
  readonly source: string
  readonly byHand: (input: Input, context: Context) => unknown
}
interface Input {
  readonly user: { readonly name: string; readonly age: number }
  readonly colors: readonly string[]
  readonly status: string
}
interface Context {
  readonly limit: number
}

const input: Input = {
  user: { name: 'Ada', age: 36 },
  colors: ['red', 'green'],
  status: 'open',
}
const context: Context = { limit: 18 }

const expressions: readonly Small[] = [
  { source: '.user.name', byHand: (given) => given.user.name },
  {
    source: '.user.age >= $context.limit',
    byHand: (given, with1) => given.user.age >= with1.limit,
  },
  { source: '.colors + ["blue"]', byHand: (given) => [...given.colors, 'blue'] },
  { source: '"Hello \\(.user.name)!"', byHand: (given) => `Hello ${given.user.name}!` },
  {
    source: '{name: .user.name, isOpen: (.status == "open")}',
    byHand: (given) => ({ name: given.user.name, isOpen: given.status === 'open' }),
  },
  {
    source: 'if .status == "open" and .user.age > 30 then .user else null end',
    byHand: (given) => (given.status === 'open' && given.user.age > 30 ? given.user : null),
  },
]

export async function jq(): Promise<void> {
  const rows = expressions.map(({ source, byHand }) => {
    const compiled = compileJq(source, ['context'])
    if (!compiled.ok) throw new Error(compiled.reason)
    const given = {
      input: { ...input, user: { ...input.user } },
      globals: [{ ...context }],
      nowMs: 0,
    }
    const ours: number[] = []
    const hands: number[] = []
    for (let i = 0; i < rounds; i++) {
      ours.push(microsecondsOf(() => evaluateJq(compiled.expression, given)))
      hands.push(microsecondsOf(() => byHand(input, context)))
    }
    return { expression: source, 'jq µs': round(median(ours)), 'by hand µs': round(median(hands)) }
  })
  const slowest = Math.max(...rows.map((row) => row['jq µs']))
  report(rows, {
    bench: 'jq',
    metric: 'slowest small expression',
    value: slowest,
    unit: 'µs',
    peer: `bound ${microsecondsMax} µs`,
    ratio: round(slowest / microsecondsMax),
  })
}

function microsecondsOf(turn: () => unknown): number {
  let kept: unknown
  const startMs = performance.now()
  for (let i = 0; i < turns; i++) kept = turn()
  const spentMs = performance.now() - startMs
  if (kept === undefined) throw new Error('nothing came out')
  return (spentMs * 1000) / turns
}

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0
}
