// Plain credentials
//
// The `authorization` of calls that are no HTTP requests of ours: bearer and basic say it all in one header; other ways
// need a conversation first, and are refused there.

import type { Json } from '@tutti/core/resource'
import { standardError } from '@tutti/core/workflow'
import { z } from 'zod'
import { ActFailed } from './act.ts'

const bearer = z.looseObject({ bearer: z.looseObject({ token: z.string() }) })
const basic = z.looseObject({
  basic: z.looseObject({ username: z.string(), password: z.string() }),
})

/** The header's text; null where nobody has to say who calls. */
export function plainCredentials(policy: Json | undefined, protocol: string): string | null {
  if (policy === undefined || policy === null) return null
  const token = bearer.safeParse(policy)
  if (token.success) return `Bearer ${token.data.bearer.token}`
  const user = basic.safeParse(policy)
  if (user.success) {
    const { username, password } = user.data.basic
    return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`
  }
  const detail = `${protocol} calls authenticate with bearer or basic`
  throw new ActFailed(standardError('configuration', detail))
}
