// Snapshot
//
// All that a gateway needs to serve: keys, routes, where each deployment runs, providers with their
// credentials. The control plane signs it; a gateway keeps the last good one on disk and serves from it
// while the control plane is away. A snapshot older than the one held is refused.

import { z } from 'zod'
import { findingKind, guardAction, guardSide } from '../governance/index.ts'
import { digest } from '../resource/index.ts'
import { budgetSpec } from './budget.ts'
import { providerDialect } from './provider.ts'
import { keyLimits } from './rate-limit.ts'
import { routeSpec } from './route.ts'
import { toolServerSpec } from './tool-server.ts'

export const endpoint = z.strictObject({
  node: z.string(),
  url: z.url(),
  region: z.string(),
  /** Digest of the release that answers there. */
  release: digest,
})
export type Endpoint = z.infer<typeof endpoint>

/** What policy makes of a finding where that is stricter than what the Route wants. */
export const guardOrder = z.strictObject({
  project: z.string(),
  route: z.string(),
  side: guardSide,
  kind: findingKind,
  action: guardAction,
  /** Of whose calls; absent: of everybody's. */
  keys: z.array(z.string()).optional(),
})
export type GuardOrder = z.infer<typeof guardOrder>

export const snapshot = z.strictObject({
  format: z.literal('tutti/snapshot/v1'),
  /** Grows with every snapshot of one control plane. */
  sequence: z.int().min(1),
  issuedAtMs: z.number(),
  keys: z.array(
    z.strictObject({
      id: z.string(),
      hash: digest,
      project: z.string(),
      owner: z.string(),
      routes: z.array(z.string()).optional(),
      /** `Provider/name` and `Deployment/name` that no Route may ask for it; absent: none. */
      refused: z.array(z.string()).optional(),
      /** Patterns of tools; absent: all. */
      tools: z.array(z.string()).optional(),
      /** Servers of tools that the policies let it call; absent: all of its project. */
      servers: z.array(z.string()).optional(),
      expiresAtMs: z.number().optional(),
      limits: keyLimits.optional(),
    }),
  ),
  routes: z.array(routeSpec.extend({ name: z.string(), project: z.string() })),
  deployments: z.array(
    z.strictObject({
      name: z.string(),
      project: z.string(),
      /** The model name that the nodes answer to. */
      serves: z.string(),
      endpoints: z.array(endpoint),
      /**
       * Nodes that the control plane has not heard since it started: what a gateway knew of them
       * holds (`keepUnseen`).
       */
      unseen: z.array(z.string()).optional(),
    }),
  ),
  providers: z.array(
    z.strictObject({
      name: z.string(),
      project: z.string(),
      dialect: providerDialect,
      baseUrl: z.url(),
      allowPrivateNetwork: z.boolean(),
      region: z.string().optional(),
      apiKey: z.string().optional(),
    }),
  ),
  /** Servers of tools; absent: none. */
  toolServers: z
    .array(
      toolServerSpec.extend({
        name: z.string(),
        project: z.string(),
        url: z.url(),
        allowPrivateNetwork: z.boolean(),
        apiKey: z.string().optional(),
      }),
    )
    .optional(),
  budgets: z.array(budgetSpec.extend({ name: z.string(), project: z.string() })).default([]),
  /** Absent where policy lets every Route have its way. */
  guardOrders: z.array(guardOrder).optional(),
  /** Bearer token that nodes accept from this gateway: see `servingToken`. */
  servingToken: z.string(),
})
export type Snapshot = z.infer<typeof snapshot>

export const signedSnapshot = z.strictObject({
  /** Canonical JSON of a Snapshot. */
  payload: z.string(),
  /** Ed25519 over `tutti/snapshot/v1\n` and the payload, by the control plane's key. */
  signature: z.string(),
})
export type SignedSnapshot = z.infer<typeof signedSnapshot>

/** In a snapshot's place where what was declared last makes none: the one before holds. */
export const noSnapshot = z.strictObject({ refused: z.literal(true) })
export type NoSnapshot = z.infer<typeof noSnapshot>

/**
 * Claims of a serving token: `payload.signature`, both base64url, signed by the control plane's
 * key.
 */
export const servingClaims = z.strictObject({
  format: z.literal('tutti/serving/v1'),
  /** For whom: the gateway's key id. */
  subject: z.string(),
  expiresAtMs: z.number(),
})
export type ServingClaims = z.infer<typeof servingClaims>
