// Standing
//
// Whether whoever listens still may. A stream that was judged once, as it began, would outlive its key: what it would tell is asked
// about anew, with the key and the policies of then, and so is each keep-alive.

import type { Principal } from '../governance/index.ts'
import { isDatabaseAway } from '../store/index.ts'
import type { Caller } from './ports.ts'

export type Standing =
  | { readonly phase: 'holds'; readonly principal: Principal }
  /** The key has gone, or may not any more. */
  | { readonly phase: 'ended' }
  /** The database is away: nothing new may be told. */
  | { readonly phase: 'unknown' }

/** As things stand now; `whyMayNot` is the question that was asked when the stream began. */
export async function standingOf(
  caller: Caller,
  whyMayNot: (principal: Principal) => Promise<string | null>,
): Promise<Standing> {
  try {
    const now = await caller.now()
    if (now === null || (await whyMayNot(now.principal)) !== null) return { phase: 'ended' }
    return { phase: 'holds', principal: now.principal }
  } catch (error) {
    if (isDatabaseAway(error)) return { phase: 'unknown' }
    throw error
  }
}
