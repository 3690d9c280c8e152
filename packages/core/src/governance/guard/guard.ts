// Guard
//
// What a Route looks for in what goes in and what comes out, and what is done where it is found. A Route says what it
// wants done; Cedar may forbid that a thing found passes as it is, or passes at all (`guardVerdict`).
//
// Invariants:
//   G1. Of what the Route wants and what policy lets pass, the stricter one is done.
//   G2. What has no place in a text (a file, a size, a schema, a classifier's word) cannot be redacted: it is refused instead.

import { z } from 'zod'
import { dnsName } from '../../resource/index.ts'

/** What detectors find in texts, and what is found of a whole request or answer. */
export const findingKinds = [
  ...(['email', 'phone', 'card', 'iban', 'ssn', 'secret', 'injection', 'file'] as const),
  ...(['blocked', 'size', 'schema', 'moderation'] as const),
] as const
export const findingKind = z.enum(findingKinds)
export type FindingKind = z.infer<typeof findingKind>

/** Kinds that a Route asks for by name; the others come with what it sets. */
export const detectedKinds = [
  ...(['email', 'phone', 'card', 'iban', 'ssn', 'secret', 'injection', 'file'] as const),
] as const
export type DetectedKind = (typeof detectedKinds)[number]

export const guardSide = z.enum(['input', 'output'])
export type GuardSide = z.infer<typeof guardSide>

export const guardAction = z.enum(['allow', 'redact', 'deny'])
export type GuardAction = z.infer<typeof guardAction>

/** What is done with each kind that a guard can find. */
export type GuardPlan = Readonly<Partial<Record<FindingKind, GuardAction>>>

export type Severity = 'low' | 'medium' | 'high'

/** Something found in a text, from `start` to before `end` in UTF-16 units. */
export interface GuardFinding {
  readonly kind: FindingKind
  /** Which rule found it, e.g. `luhn` or `github-token`. */
  readonly detector: string
  readonly severity: Severity
  readonly start: number
  readonly end: number
}

export const guardClassifier = z.strictObject({
  /**
   * The Route whose models judge texts: a Provider by OpenAI's `/moderations`, or a Deployment that
   * takes a tensor `text` (BYTES) and gives a `score` for each.
   */
  route: dnsName,
  /** A score from here on is a finding. */
  threshold: z.number().min(0).max(1).default(0.5),
  /** Where no model answers: `deny` refuses, `allow` lets pass. */
  onFailure: z.enum(['allow', 'deny']).default('deny'),
})
export type GuardClassifier = z.infer<typeof guardClassifier>

const blockedTerm = z.string().min(2).max(128)

export const guardSpec = z.strictObject({
  detect: z.array(z.enum(detectedKinds)).max(detectedKinds.length).default([]),
  /** Words and phrases, found whatever their case, where they stand as whole words. */
  blocklist: z.array(blockedTerm).max(1_000).default([]),
  on: z.array(guardSide).min(1).max(2).default(['input', 'output']),
  /** Bytes of a request. */
  inputBytesMax: z.int().min(1).optional(),
  /** Characters of an answer's text. */
  outputCharsMax: z.int().min(1).optional(),
  /** JSON Schema that the text of an answer must fit. */
  outputSchema: z.record(z.string(), z.json()).optional(),
  classifier: guardClassifier.optional(),
  /** What is done with what was found, instead of the default for its kind. */
  actions: z.partialRecord(findingKind, guardAction).default({}),
})
export type GuardSpec = z.infer<typeof guardSpec>

/** What is done where a Route does not say: what can be taken out is, the rest is refused. */
const defaultActions: Readonly<Record<FindingKind, GuardAction>> = {
  ...{ email: 'redact', phone: 'redact', card: 'redact', iban: 'redact', ssn: 'redact' },
  ...{ secret: 'redact', injection: 'deny', file: 'deny', blocked: 'deny' },
  ...{ size: 'deny', schema: 'deny', moderation: 'deny' },
}

const placeless: ReadonlySet<FindingKind> = new Set(['file', 'size', 'schema', 'moderation'])

/** What the Route wants done with a finding of this kind. */
export function wantedAction(guard: GuardSpec, kind: FindingKind): GuardAction {
  return realAction(kind, guard.actions[kind] ?? defaultActions[kind])
}

/** G2. */
function realAction(kind: FindingKind, action: GuardAction): GuardAction {
  return action === 'redact' && placeless.has(kind) ? 'deny' : action
}

/** What a guard does with each kind that it can find on a side, before policy is asked. */
export function wantedPlan(guard: GuardSpec, side: GuardSide): GuardPlan {
  return Object.fromEntries(kindsOf(guard, side).map((kind) => [kind, wantedAction(guard, kind)]))
}

const strictness: Readonly<Record<GuardAction, number>> = { allow: 0, redact: 1, deny: 2 }

/** G1. */
export function stricter(a: GuardAction, b: GuardAction): GuardAction {
  return strictness[a] >= strictness[b] ? a : b
}

/** The kinds that a guard can find on a side. */
export function kindsOf(guard: GuardSpec, side: GuardSide): readonly FindingKind[] {
  if (!guard.on.includes(side)) return []
  const found: FindingKind[] = guard.detect.filter((kind) => isFoundOn(kind, side))
  if (guard.blocklist.length > 0) found.push('blocked')
  if (guard.classifier !== undefined) found.push('moderation')
  const size = side === 'input' ? guard.inputBytesMax : guard.outputCharsMax
  if (size !== undefined) found.push('size')
  if (side === 'output' && guard.outputSchema !== undefined) found.push('schema')
  return found
}

/** What a model says is no instruction to it. */
function isFoundOn(kind: DetectedKind, side: GuardSide): boolean {
  return (kind !== 'injection' && kind !== 'file') || side === 'input'
}

/** Asks policy: may a thing of this kind pass in this way? */
export type GuardPolicy = (
  kind: FindingKind,
  side: GuardSide,
  action: 'allow' | 'redact',
) => boolean

/** What is done with a finding: what the Route wants, unless policy forbids it. */
export function guardVerdict(
  guard: GuardSpec,
  { kind, side }: { readonly kind: FindingKind; readonly side: GuardSide },
  permits: GuardPolicy,
): GuardAction {
  const wanted = wantedAction(guard, kind)
  if (wanted === 'deny') return 'deny'
  if (wanted === 'allow' && permits(kind, side, 'allow')) return 'allow'
  return realAction(kind, permits(kind, side, 'redact') ? 'redact' : 'deny') // G1
}
