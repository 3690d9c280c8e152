// Answer statement
//
// What a person signs who answers a task: which run and task, what was asked, the answer, and who answers. It is kept in the run's
// journal with the answer, so that everybody can check it who knows the person's key.

import { z } from 'zod'
import { canonicalJson, digest, type Json } from '../../resource/index.ts'

export const answerStatement = z.strictObject({
  format: z.literal('tutti/answer/v1'),
  run: z.string(),
  key: z.string(),
  /** SHA-256 of the task as it was listed, as canonical JSON. */
  asked: digest,
  answer: z.json(),
  /** `User::"ann"` */
  by: z.string(),
})
export type AnswerStatement = z.infer<typeof answerStatement>

/** As it is handed in; in the journal it is `signed`, with the `did:key` that signed it. */
export const signedAnswer = z.strictObject({
  /** Canonical JSON of an AnswerStatement. */
  statement: z.string().max(1_048_576),
  /** Ed25519 over `tutti/answer/v1\n` and the statement. */
  signature: z.string().max(512),
})
export type SignedAnswer = z.infer<typeof signedAnswer>

/** Null where the statement says just this; else the sentence that says where it does not. */
export function whyNotSaid(statement: string, wanted: AnswerStatement): string | null {
  const parsed = answerStatement.safeParse(parsedJson(statement))
  if (!parsed.success) return 'the signed statement is malformed'
  for (const [name, value] of Object.entries(wanted)) {
    const said = new Map(Object.entries(parsed.data)).get(name)
    if (canonicalJson(said ?? null) !== canonicalJson(value)) {
      return `the signed statement has another ${name}`
    }
  }
  return null
}

function parsedJson(text: string): Json {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
