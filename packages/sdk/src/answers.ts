// Answers
//
// What the control plane answers, in the shapes that callers read. The API's own schemas are in core; these
// are the parts of them that clients look at.

import { resourceName } from '@tutti/core/resource'
import { z } from 'zod'

export const resource = z.looseObject({
  apiVersion: z.string(),
  kind: z.string(),
  metadata: z.looseObject({
    name: resourceName,
    project: z.string(),
    generation: z.int(),
    labels: z.record(z.string(), z.string()),
    annotations: z.record(z.string(), z.string()),
    updatedAtMs: z.number(),
    createdAtMs: z.number(),
  }),
  spec: z.record(z.string(), z.unknown()),
  status: z.record(z.string(), z.unknown()),
})
export type ResourceAnswer = z.infer<typeof resource>

export const resourceList = z.looseObject({
  items: z.array(resource),
  continue: z.string().optional(),
})

const denial = z.looseObject({ id: z.string(), reason: z.string(), fix: z.string() })
const verdict = z.discriminatedUnion('kind', [
  z.looseObject({ kind: z.literal('allow'), policies: z.array(z.string()) }),
  z.looseObject({ kind: z.literal('deny'), denials: z.array(denial) }),
  z.looseObject({
    kind: z.literal('needs-approval'),
    approvals: z.int(),
    denials: z.array(denial),
  }),
])
export type VerdictAnswer = z.infer<typeof verdict>

export const changeAnswer = z.discriminatedUnion('outcome', [
  z.looseObject({ outcome: z.literal('committed'), action: z.string(), resource }),
  z.looseObject({ outcome: z.literal('unchanged'), resource }),
  z.looseObject({ outcome: z.literal('needs-approval'), approval: resource, verdict }),
  z.looseObject({ outcome: z.literal('waiting'), approvals: z.int(), needed: z.int() }),
  z.looseObject({
    outcome: z.literal('planned'),
    action: z.string(),
    verdict,
    before: resource.nullable(),
    after: z.unknown(),
    impact: z.looseObject({ nodes: z.int(), canaries: z.array(z.string()) }).optional(),
  }),
])
export type ChangeAnswer = z.infer<typeof changeAnswer>

/** Who said no, and why. */
export const rejectAnswer = z.looseObject({ outcome: z.literal('void'), reason: z.string() })
export type RejectAnswer = z.infer<typeof rejectAnswer>

export const whoami = z.looseObject({
  principal: z.looseObject({ id: z.string(), roles: z.array(z.string()), project: z.string() }),
  controlPlane: z.string(),
  ledger: z.string(),
  version: z.string(),
  /** The control plane's clock; one of before does not say it. */
  nowMs: z.number().optional(),
})

/** What requests used, in the dimensions that were asked for; the dearest first. */
/** What is kept of one request. */
const keptBody = z.looseObject({ text: z.string(), isCut: z.boolean() }).nullable()
export const keptRequests = z.looseObject({
  items: z.array(
    z.looseObject({
      id: z.string(),
      route: z.string(),
      atMs: z.number(),
      expiresAtMs: z.number(),
      record: z.record(z.string(), z.unknown()),
      input: keptBody,
      output: keptBody,
    }),
  ),
})
export type KeptRequestsAnswer = z.infer<typeof keptRequests>

export const usage = z.looseObject({
  since: z.number(),
  until: z.number(),
  by: z.array(z.string()),
  rows: z.array(
    z.looseObject({
      requests: z.number(),
      failed: z.number(),
      inputTokens: z.number(),
      outputTokens: z.number(),
      cachedTokens: z.number(),
      costDollars: z.number(),
      /** Attempts whose price nobody knows: they are not in the cost. */
      unpriced: z.number(),
    }),
  ),
})
export type UsageAnswer = z.infer<typeof usage>

export const gateways = z.looseObject({
  /** Number of the newest snapshot. */
  sequence: z.int().nullable(),
  items: z.array(
    z.looseObject({
      /** Of this start alone; null, like all that follows, of gateways that do not say it. */
      gateway: z.string().nullable(),
      host: z.string().nullable(),
      worker: z.int().nullable(),
      url: z.string().nullable(),
      version: z.string().nullable(),
      sinceMs: z.number(),
      /** Number of the snapshot that it serves from. */
      sequence: z.int().nullable(),
      /** Why it did not take in the one that came last. */
      refused: z.string().nullable(),
    }),
  ),
})
export type GatewaysAnswer = z.infer<typeof gateways>

export const tokenAnswer = z.looseObject({ token: z.string(), expiresAtMs: z.number() })

export const checkpointAnswer = z.looseObject({
  size: z.int(),
  checkpoint: z.string(),
  keys: z.array(z.string()),
})

export const ledgerEntries = z.looseObject({
  items: z.array(
    z.looseObject({
      index: z.int(),
      entry: z.string(),
      salt: z.string().optional(),
      body: z.string().optional(),
      /** The key may not read the resource that the record is about. */
      withheld: z.boolean().optional(),
    }),
  ),
})

export const entryProof = z.looseObject({
  proof: z.looseObject({ record: z.string(), leafIndex: z.int(), treeSize: z.int() }),
  checkpoint: z.string(),
  keys: z.array(z.string()),
})

export const uploadAnswer = z.looseObject({ complete: z.boolean(), uploadedBytes: z.int() })

export const startedRun = z.looseObject({ id: z.string(), workflow: z.string() })
const refusal = z.looseObject({ reason: z.string(), ticks: z.int(), atMs: z.number().nullable() })
const schedule = z.looseObject({
  workflow: z.string(),
  kind: z.string(),
  tickAtMs: z.number().nullable(),
  run: z.string().nullable(),
  refusal: refusal.nullable(),
})
export const lineage = z.looseObject({
  items: z.array(
    z.looseObject({
      key: z.string(),
      kind: z.string(),
      subject: z.string(),
      atMs: z.number(),
    }),
  ),
})
const assetVersion = {
  name: z.string(),
  /** Empty: the asset has none. */
  partition: z.string(),
  run: z.string(),
  key: z.string(),
  workflow: z.string(),
  digest: z.string(),
  madeAtMs: z.number(),
}
const step = z.looseObject({ run: z.string(), key: z.string() })
export const assetList = z.looseObject({ items: z.array(z.looseObject(assetVersion)) })
export const asset = z.looseObject({
  versions: z.array(
    z.looseObject({
      ...assetVersion,
      value: z.json(),
      sources: z.array(z.looseObject({ kind: z.string(), subject: z.string() })),
      readBy: z.array(step),
    }),
  ),
})
export const eventList = z.looseObject({ items: z.array(z.json()) })
export const scheduleList = z.looseObject({ items: z.array(schedule) })
export const upgrade = z.looseObject({
  moved: z.array(z.string()),
  differing: z.array(
    z.looseObject({
      run: z.string(),
      version: z.string(),
      task: z.string(),
      reason: z.string(),
    }),
  ),
  after: z.string().nullable(),
})
export const backfill = z.looseObject({ id: z.string(), runs: z.int() })
export const runRef = z.looseObject({ id: z.string() })
const run = z.looseObject({
  id: z.string(),
  project: z.string(),
  workflow: z.string(),
  status: z.string(),
  labels: z.record(z.string(), z.string()),
  startedAtMs: z.number(),
  updatedAtMs: z.number(),
  wakeAtMs: z.number().nullable(),
  outcome: z
    .looseObject({
      status: z.string(),
      output: z.unknown().optional(), // of what was completed alone
      error: z
        .looseObject({ type: z.string(), status: z.int(), detail: z.string().optional() })
        .optional(),
      reason: z.string().optional(),
    })
    .nullable(),
})
export type RunAnswer = z.infer<typeof run>
export const runList = z.looseObject({
  /** `cursor`: what comes after this run. */
  items: z.array(run.extend({ cursor: z.string().optional() })),
  /** What comes after these; null: nothing did when they were read. */
  next: z.string().nullable().default(null),
})
export const runDetail = z.looseObject({
  ...run.shape,
  waiting: z.array(z.looseObject({ key: z.string(), kind: z.string(), subject: z.string() })),
  entries: z.array(
    z.looseObject({
      kind: z.string(),
      atMs: z.number(),
      key: z.string().optional(),
      output: z.unknown().optional(),
    }),
  ),
})
export const taskList = z.looseObject({
  items: z.array(
    z.looseObject({
      run: z.string(),
      key: z.string(),
      role: z.string().nullable(),
      sinceMs: z.number(),
      task: z.looseObject({ title: z.string().optional() }),
    }),
  ),
})
export const answeredTask = z.looseObject({ run: z.string(), key: z.string() })
export const heardEvent = z.looseObject({ isNew: z.boolean() })
