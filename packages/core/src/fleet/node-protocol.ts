// Node protocol
//
// What a node and the control plane say to each other on the node's one outbound WebSocket. JSON text
// frames; semantics after OpAMP: sequence numbers, status only on change, a full report on a gap,
// server-issued back-off. Both sides parse every frame with these schemas.
//
//   control plane                    node
//   challenge {nonce}            →
//                                ←   hello {node, signature over nonce, own nonce}
//   welcome {signature over it}  →
//   assign {assignments}         →
//                                ←   status (on change), heartbeat (every heartbeatMs)
//   declared, report-full        →
//                                ←   status {full: true}
//                                ←   assign-again (where a frame could not be taken in)
//   retry {afterMs}              →   (and closes)

import { z } from 'zod'
import { didKey, digest, dnsName, labels, sketch } from '../resource/index.ts'
import { deploymentReport, nodeFacts } from './node.ts'

export const protocolVersion = 1
/** Greatest frame that either side takes, in bytes. */
export const frameBytesMax = 8 * 1024 * 1024 // a full set of assignments for some hundred deployments
export const telemetryReleasesMax = 64

const base64 = z.string().regex(/^[A-Za-z0-9+/]*={0,2}$/)
const nonce = z.string().min(22).max(64)

/** Proof that the ledger holds the record of a change. */
export const inclusionProof = z.strictObject({
  /** The change record, exactly as it was committed. */
  record: z.string().max(1_048_576),
  salt: base64,
  leafIndex: z.int().min(0),
  treeSize: z.int().min(1),
  hashes: z.array(base64).max(64),
})
export type InclusionProof = z.infer<typeof inclusionProof>

/** An assignment as it travels: the signed text, the signature, and its place in the ledger. */
export const signedAssignment = z.strictObject({
  /** Canonical JSON of an Assignment; the record in `proof` carries its digest. */
  payload: z.string().max(2_097_152),
  /** Ed25519 over `tutti/assignment/v1\n` and the payload, by the control plane's key. */
  signature: base64,
  keyId: didKey,
  proof: inclusionProof,
  /** The signed checkpoint (C2SP) that `proof` leads to. */
  checkpoint: z.string().max(65_536),
})
export type SignedAssignment = z.infer<typeof signedAssignment>

/** Proof that a checkpoint extends the one that the node saw last. */
export const consistencyProof = z.strictObject({
  fromSize: z.int().min(0),
  toSize: z.int().min(1),
  hashes: z.array(base64).max(128),
})
export type ConsistencyProof = z.infer<typeof consistencyProof>

export const toNode = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('challenge'), nonce, protocol: z.int() }),
  z.strictObject({
    type: z.literal('welcome'),
    /** Ed25519 over `tutti/welcome/v1\n` and the node's nonce, by the control plane's key. */
    signature: base64,
    heartbeatMs: z.int().min(100),
    /** Bearer token for the blob store, valid while the connection lives. */
    session: z.string(),
    labels,
    cordoned: z.boolean(),
    nowMs: z.number(),
  }),
  z.strictObject({
    type: z.literal('assign'),
    assignments: z.array(signedAssignment).max(10_000),
    /**
     * Consistency from the checkpoint size the node last acknowledged; absent where it had none.
     */
    consistency: consistencyProof.optional(),
    /** The newest checkpoint; every assignment's proof leads to it or to one before it. */
    checkpoint: z.string().max(65_536),
  }),
  /** Somebody changed the node's spec: what it must run may change with it. */
  z.strictObject({ type: z.literal('declared'), labels, cordoned: z.boolean() }),
  z.strictObject({ type: z.literal('report-full') }),
  z.strictObject({ type: z.literal('retry'), afterMs: z.int().min(0), reason: z.string() }),
])
export type ToNode = z.infer<typeof toNode>

/** What one release did on one node since the heartbeat before. */
export const releaseTelemetry = z.strictObject({
  deployment: dnsName,
  project: dnsName,
  release: digest,
  requests: z.int().min(0),
  errors: z.int().min(0),
  correct: z.int().min(0),
  incorrect: z.int().min(0),
  latency: sketch,
})
export type ReleaseTelemetry = z.infer<typeof releaseTelemetry>

export const toControlPlane = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('hello'),
    protocol: z.int(),
    node: dnsName,
    nonce,
    /** Ed25519 over `tutti/hello/v1\n`, the challenge's nonce, `\n` and the node's nonce. */
    signature: base64,
    /** Tree size of the last checkpoint that the node has verified; 0 where it has none. */
    checkpointSize: z.int().min(0),
  }),
  z.strictObject({
    type: z.literal('status'),
    sequence: z.int().min(0),
    full: z.boolean(),
    facts: nodeFacts.optional(),
    /** All deployments where `full`, else those that changed. */
    reports: z.array(deploymentReport).max(10_000),
    checkpointSize: z.int().min(0),
  }),
  /** It could not take in an assign frame: send all assignments, going on from this size. */
  z.strictObject({
    type: z.literal('assign-again'),
    sequence: z.int().min(0),
    checkpointSize: z.int().min(0),
  }),
  z.strictObject({
    type: z.literal('heartbeat'),
    sequence: z.int().min(0),
    load: z.strictObject({
      inflight: z.int().min(0),
      /** Share of the machine's cores in use, 0 to 1. */
      cpu: z.number().min(0),
      memoryUsedBytes: z.int().min(0),
    }),
    telemetry: z.array(releaseTelemetry).max(telemetryReleasesMax),
  }),
])
export type ToControlPlane = z.infer<typeof toControlPlane>

/** `POST /api/v1/join`: the only call that a stranger may make, and only with a token. */
export const joinRequest = z.strictObject({
  token: z.string().max(4_096),
  name: dnsName,
  publicKey: didKey,
  /** Ed25519 by the node's key over `tutti/hello/v1\n` and the token: proof of possession. */
  signature: base64,
  labels: labels.default({}),
})
export type JoinRequest = z.infer<typeof joinRequest>

/**
 * What a join token carries in the clear: where to go and whom to trust. Its secret is single-
 * use.
 */
export const joinToken = z.strictObject({
  url: z.url(),
  secret: z.string().min(32).max(128),
  /** The control plane's signing key. */
  controlPlane: didKey,
  /** The ledger's verifier key (C2SP signed-note vkey). */
  ledger: z.string().max(512),
  expiresAtMs: z.number(),
})
export type JoinToken = z.infer<typeof joinToken>
