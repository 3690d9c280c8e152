// Why unfit
//
// Whether the text of an answer is JSON that fits the schema of its route.

import type { GuardSpec } from '@tutti/core/governance'
import { checkSchema, readJson } from '@tutti/core/workflow'

/** Null where it fits, else what is wrong with it. */
export function whyUnfit(
  schema: NonNullable<GuardSpec['outputSchema']>,
  text: string,
): string | null {
  const read = readJson(text)
  return read.ok ? checkSchema(schema, read.value) : 'the answer is no JSON'
}
