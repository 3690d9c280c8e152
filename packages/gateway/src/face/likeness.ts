// Likeness
//
// How alike two answers to one request are, by what was answered: words said and tools called, or the values of models
// that say none. Who answered and what it took differs between any two, and is no difference.

import { jsonOf, objectOf, readAnswer, readOutputs } from '@tutti/core/dialect'
import { type Likeness as Alike, compareAnswers, compareOutputs } from '@tutti/core/routing'
import type { Candidate, StreamAttempt, WholeAttempt } from '../routing/index.ts'

/** Null where there is nothing to compare, or, of the second, too much to read. */
export type Likeness = Alike | { readonly isSame: boolean | null; readonly similarity: null }

/** What somebody answered, and who. */
export interface Answered {
  readonly outcome: WholeAttempt | StreamAttempt
  readonly candidate: Candidate
}

export const notCompared: Likeness = { isSame: null, similarity: null }

// To read more holds up everybody else; longer ones are compared as they stand.
const readBytesMax = 64 * 2 ** 10

export function likenessOf(live: Answered, shadow: Answered): Likeness {
  const one = textOf(live)
  const other = textOf(shadow)
  if (one !== null && other !== null) return compareAnswers(one, other)
  if (live.outcome.kind !== 'whole' || shadow.outcome.kind !== 'whole') return notCompared
  return compareBodies(live.outcome.body, shadow.outcome.body)
}

function compareBodies(live: Buffer, shadow: Buffer): Likeness {
  const given = outputsIn(live)
  const other = given === null ? null : outputsIn(shadow)
  if (given !== null && other !== null) return compareOutputs(given, other)
  return { isSame: givenIn(live).equals(givenIn(shadow)), similarity: null }
}

function outputsIn(body: Buffer) {
  if (body.length > readBytesMax) return null
  return readOutputs(objectOf(jsonOf(body.toString('utf8'))))
}

// Where names and versions stand before what was given, as our own nodes write it, what follows is compared.
const outputs = Buffer.from('"outputs":')

/** Binary elements, which lie behind the JSON, included. */
function givenIn(body: Buffer): Buffer {
  const start = body.subarray(0, readBytesMax).indexOf(outputs)
  return start === -1 ? body : body.subarray(start)
}

/** What was said, tools called included; null for what is no conversation. */
function textOf({ outcome, candidate }: Answered): string | null {
  if (outcome.kind === 'stream') return outcome.progress.isPlainText ? outcome.progress.text : null
  const { provider } = candidate
  if (provider === null || outcome.parsed === null) return null
  const { parts } = readAnswer(provider.dialect, objectOf(outcome.parsed))
  const said = parts.flatMap((part) => {
    if (part.kind === 'text') return [part.text]
    return part.kind === 'tool-call' ? [`${part.name} ${part.arguments}`] : []
  })
  return said.length === 0 ? null : said.join('\n')
}
