// Read answer
//
// What an answer of the control plane says: its JSON, or why it is a refusal.

import { z } from 'zod'
import { Failure } from './failure.ts'

/** What the API answered, or whoever answers in its place. */
export async function jsonOf(answer: Response): Promise<unknown> {
  const text = await answer.text()
  try {
    return JSON.parse(text)
  } catch {
    return { error: { code: 'api/internal', message: text.slice(0, 300) } } // a proxy's page, say
  }
}

/** Why it refused, in the API's own words. */
export function refusalOf(status: number, body: unknown): Failure {
  const parsed = z
    .looseObject({ error: z.looseObject({ code: z.string(), message: z.string() }) })
    .safeParse(body)
  if (!parsed.success)
    return new Failure('sdk/refused', `the control plane answered ${status}`, { status })
  const { code, message } = parsed.data.error
  return new Failure('sdk/refused', message, { apiCode: code, status })
}
