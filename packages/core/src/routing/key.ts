// Key
//
// A virtual API key: who calls, with which roles, for which project. Only a hash of its secret is stored.

import { z } from 'zod'
import { didKey, digest, dnsName } from '../resource/index.ts'
import { keyLimits } from './rate-limit.ts'
import { toolPattern } from './tool-server.ts'

/** Roles are Cedar groups; the built-in policies know these, others may be added by policy. */
export const builtInRoles = [
  'admin',
  'operator',
  'approver',
  'viewer',
  'caller',
  'gateway',
] as const

export const keySpec = z.strictObject({
  /** The person or service behind the key: becomes `User::"owner"`. */
  owner: dnsName,
  roles: z.array(dnsName).max(32).default(['caller']),
  /**
   * SHA-256 of the secret, as `sha256:…`. The secret itself is shown once, when the key is made.
   */
  hash: digest,
  /** The owner's Ed25519 key for signing approvals. */
  approvalKey: didKey.optional(),
  /** Routes that the key may call; absent: all of its project. */
  routes: z.array(z.string()).max(1_000).optional(),
  /** Tools that it may call: `server__tool`, `server__*` or `*`; absent: all of its project. */
  tools: z.array(toolPattern).max(1_000).optional(),
  expiresAtMs: z.number().optional(),
  limits: keyLimits.optional(),
})
export type KeySpec = z.infer<typeof keySpec>
