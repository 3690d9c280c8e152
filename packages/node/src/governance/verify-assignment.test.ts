import { createHash } from 'node:crypto'
import type { Assignment, SignedAssignment } from '@tutti/core/fleet'
import { canonicalJson, signingPrefix } from '@tutti/core/resource'
import {
  type Checkpoint,
  commit,
  consistencyProof,
  didKeyOf,
  emptyEdge,
  formatCheckpoint,
  growTree,
  inclusionProof,
  newPrivateKey,
  type ReadTile,
  signerKeyFromSeed,
  signNote,
  signText,
  type TreeEdge,
} from '@tutti/ledger'
import { describe, expect, test } from 'vitest'
import { verifyAssignment, verifyCheckpoint } from './verify-assignment.ts'

const plane = newPrivateKey()
const logKey = signerKeyFromSeed('test/ledger', Buffer.alloc(32, 7), 'note')
const trust = { controlPlane: didKeyOf(plane), ledger: logKey.verifier.vkey }
const digest = (text: string) => `sha256:${createHash('sha256').update(text).digest('hex')}`
const salt = Buffer.alloc(16, 3)

const assignment: Assignment = {
  format: 'tutti/assignment/v1',
  deployment: 'parts',
  project: 'default',
  uid: 'u',
  generation: 2,
  revision: 1,
  serves: 'parts',
  selector: { matchLabels: {} },
  target: { digest: digest('v2'), model: 'parts', version: 'v2', specBytes: 100 },
  baseline: null,
  mode: 'advance',
  cohort: { canaries: [], share: 0 },
  soakMs: 0,
  publishers: [],
  issuedAtMs: 1,
}

/** A log in memory that grows and proves. */
class Log {
  readonly tiles = new Map<string, Uint8Array>()
  edge: TreeEdge = emptyEdge
  root: Uint8Array = new Uint8Array(32)

  add(...entries: readonly Uint8Array[]): void {
    const growth = growTree(this.edge, entries)
    for (const { tile, bytes } of [...growth.full, ...growth.partial]) {
      this.tiles.set(`${tile.level}/${tile.index}`, bytes)
    }
    this.edge = growth.edge
    this.root = growth.root
  }

  readonly read: ReadTile = async (level, index, width) =>
    this.tiles.get(`${level}/${index}`)?.subarray(0, width * 32) ?? new Uint8Array(0)

  checkpoint(key = logKey): string {
    const { size } = this.edge
    const text = formatCheckpoint({ origin: 'test/ledger', size, root: this.root, extensions: [] })
    return signNote(text, [key])
  }
}

function recordOf(payload: string, resource = 'Rollout/default/parts-g2'): string {
  return canonicalJson({
    format: 'tutti/change/v1',
    atMs: 1,
    principal: 'Automation::"rollout"',
    action: 'advance',
    resource,
    uid: 'u',
    generation: 1,
    digest: digest(payload),
    policies: [],
    policySet: digest(''),
    approvals: [],
    summary: '',
  })
}

async function issue(log: Log, change: Partial<Assignment> = {}): Promise<SignedAssignment> {
  const payload = canonicalJson({ ...assignment, ...change })
  const record = recordOf(payload)
  log.add(commit(salt, record))
  const { size } = log.edge
  const hashes = await inclusionProof(size - 1, size, log.read)
  return {
    payload,
    signature: signText(plane, signingPrefix.assignment, payload),
    keyId: didKeyOf(plane),
    proof: {
      record,
      salt: salt.toString('base64'),
      leafIndex: size - 1,
      treeSize: size,
      hashes: hashes.map((hash) => Buffer.from(hash).toString('base64')),
    },
    checkpoint: log.checkpoint(),
  }
}

function opened(note: string): Checkpoint {
  const verdict = verifyCheckpoint(trust, null, { note, consistency: undefined })
  if (!verdict.ok) throw new Error(verdict.reason)
  return verdict.checkpoint
}

describe('an assignment is obeyed only when everything about it verifies (I2)', () => {
  test('as it was issued', async () => {
    const log = new Log()
    log.add(commit(salt, 'something before'))
    const signed = await issue(log)
    const verdict = verifyAssignment(trust, opened(signed.checkpoint), signed)
    expect(verdict).toEqual({ ok: true, assignment })
  })

  test('of a newer version: it says what it does not know, and of which assignment', async () => {
    const log = new Log()
    const signed = await issue(log, { wave: 3 } as Partial<Assignment>)
    const verdict = verifyAssignment(trust, opened(signed.checkpoint), signed)
    const { deployment, project, uid, generation, revision, target } = assignment
    const head = { deployment, project, uid, generation, revision }
    expect(verdict).toEqual({
      ok: false,
      reason: expect.stringMatching(/wave.*upgrade the node/),
      head: { ...head, target: { digest: target.digest } },
    })
  })

  test('forged: another key, another text, another key’s name', async () => {
    const log = new Log()
    const signed = await issue(log)
    const checkpoint = opened(signed.checkpoint)
    const stranger = newPrivateKey()
    const forgeries: Partial<SignedAssignment>[] = [
      { signature: signText(stranger, signingPrefix.assignment, signed.payload) },
      { keyId: didKeyOf(stranger) },
      { payload: signed.payload.replace('"v2"', '"v3"') },
      { signature: signText(plane, signingPrefix.snapshot, signed.payload) },
    ]
    for (const forgery of forgeries) {
      const verdict = verifyAssignment(trust, checkpoint, { ...signed, ...forgery })
      expect(verdict).toMatchObject({ ok: false, head: null }) // nobody says what it is
    }
  })

  test('not in the ledger: record of something else, wrong index, salt, proof or size', async () => {
    const log = new Log()
    log.add(commit(salt, 'a'), commit(salt, 'b'))
    const signed = await issue(log)
    const checkpoint = opened(signed.checkpoint)
    const { proof } = signed
    const broken = [
      { ...proof, record: recordOf('another assignment') },
      { ...proof, record: recordOf(signed.payload, 'Deployment/default/parts') },
      { ...proof, leafIndex: 0 },
      { ...proof, salt: Buffer.alloc(16, 4).toString('base64') },
      { ...proof, salt: '' },
      { ...proof, hashes: [] },
      { ...proof, treeSize: 2 },
      { ...proof, record: 'no JSON' },
    ]
    for (const one of broken) {
      expect(verifyAssignment(trust, checkpoint, { ...signed, proof: one }).ok).toBe(false)
    }
  })
})

describe('the ledger only grows', () => {
  test('an extended log with its proof is accepted', async () => {
    const log = new Log()
    await issue(log)
    const seen = opened(log.checkpoint())
    await issue(log, { revision: 2 })
    const hashes = await consistencyProof(seen.size, log.edge.size, log.read)
    const consistency = {
      fromSize: seen.size,
      toSize: log.edge.size,
      hashes: hashes.map((hash) => Buffer.from(hash).toString('base64')),
    }
    const verdict = verifyCheckpoint(trust, seen, { note: log.checkpoint(), consistency })
    expect(verdict.ok).toBe(true)
    const unproven = verifyCheckpoint(trust, seen, {
      note: log.checkpoint(),
      consistency: undefined,
    })
    expect(unproven).toMatchObject({ ok: false, reason: expect.stringContaining('not-consistent') })
  })

  test('a rolled-back log is refused', async () => {
    const log = new Log()
    await issue(log)
    const old = log.checkpoint()
    await issue(log, { revision: 2 })
    const seen = opened(log.checkpoint())
    const verdict = verifyCheckpoint(trust, seen, { note: old, consistency: undefined })
    expect(verdict).toMatchObject({ ok: false, reason: expect.stringContaining('shrunk') })
  })

  test('a forked log is refused', () => {
    const one = new Log()
    one.add(commit(salt, 'a'))
    const other = new Log()
    other.add(commit(salt, 'b'))
    const seen = opened(one.checkpoint())
    const verdict = verifyCheckpoint(trust, seen, {
      note: other.checkpoint(),
      consistency: undefined,
    })
    expect(verdict).toMatchObject({ ok: false, reason: expect.stringContaining('forked') })
  })

  test('a log of another key is refused', () => {
    const log = new Log()
    log.add(commit(salt, 'a'))
    const stranger = signerKeyFromSeed('test/ledger', Buffer.alloc(32, 8), 'note')
    const offered = { note: log.checkpoint(stranger), consistency: undefined }
    expect(verifyCheckpoint(trust, null, offered).ok).toBe(false)
  })
})
