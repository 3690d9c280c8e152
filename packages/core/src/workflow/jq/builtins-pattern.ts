// Builtins: pattern
//
// `test`, `match`, `capture`, `scan`, `split/2`; those with one output per match give an array here, which
// the prelude iterates.

import type { Json } from '../../resource/index.ts'
import { captured, matchesOf, presentMatch } from './pattern.ts'
import type { Run } from './run.ts'
import { argument, type ValueBuiltin } from './value-builtin.ts'

export const patternBuiltins: Readonly<Record<string, ValueBuiltin>> = {
  'test/1': (input, args, run) => matchesOf(input, argument(args, 0), null, run).length > 0,
  'test/2': (input, args, run) =>
    matchesOf(input, argument(args, 0), argument(args, 1), run).length > 0,
  '_matches/2': (input, args, run) =>
    matchesOf(input, argument(args, 0), argument(args, 1), run).map(presentMatch),
  '_captures/2': (input, args, run) =>
    matchesOf(input, argument(args, 0), argument(args, 1), run).map(captured),
  '_scan/2': (input, args, run) =>
    matchesOf(input, argument(args, 0), globally(argument(args, 1)), run).map(
      ({ string, captures }) =>
        captures.length > 0 ? captures.map((capture) => capture.string) : string,
    ),
  'split/2': (input, args, run) => splitBy(input, argument(args, 0), argument(args, 1), run),
}

function globally(flags: Json): Json {
  return flags === null ? 'g' : typeof flags === 'string' ? `g${flags}` : flags
}

function splitBy(input: Json, pattern: Json, flags: Json, run: Run): Json {
  const text = typeof input === 'string' ? input : ''
  const points = [...text]
  const parts: Json[] = []
  let from = 0
  for (const { offset, length } of matchesOf(input, pattern, globally(flags), run)) {
    parts.push(points.slice(from, offset).join(''))
    from = offset + length
  }
  parts.push(points.slice(from).join(''))
  return parts
}
