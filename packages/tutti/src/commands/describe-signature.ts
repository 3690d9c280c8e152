// Describe signature
//
// Whether an answer in a run's journal is signed, by whom, and whether what was signed is that answer.

import { canonicalJson, signingPrefix } from '@tutti/core/resource'
import { verifyText } from '@tutti/ledger'
import { z } from 'zod'

const signedOutput = z.looseObject({
  answer: z.json(),
  by: z.string(),
  signed: z.looseObject({ statement: z.string(), signature: z.string(), key: z.string() }),
})

/** Null where the entry is no signed answer. */
export async function describeSignature(entry: {
  readonly key?: string | undefined
  readonly output?: unknown
}): Promise<string | null> {
  const found = signedOutput.safeParse(entry.output)
  if (!found.success) return null
  const { answer, by, signed } = found.data
  const { answerStatement } = await import('@tutti/core/workflow')
  const text = { text: signed.statement, signature: signed.signature }
  const isValid = verifyText(signed.key, signingPrefix.answer, text)
  const said = isValid ? answerStatement.safeParse(JSON.parse(signed.statement)) : null
  const isIt = said?.success === true && canonicalJson(said.data.answer) === canonicalJson(answer)
  const verdict = isIt && said.data.key === entry.key ? 'holds' : 'IS WRONG'
  return `${entry.key}: answered by ${by}, the signature of ${signed.key} ${verdict}`
}
