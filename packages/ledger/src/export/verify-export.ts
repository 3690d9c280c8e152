// Verifying an export
//
// Checks an exported log with nothing but the export itself: no network, no server, no trust in
// whoever made it. One changed byte in any file is found; so is a file too many or too few.

import { LedgerFailure } from '../failure.ts'
import { emptyRoot, sameHash, verifyConsistency } from '../merkle/index.ts'
import { type Checkpoint, openCheckpoint, parseVerifierKey } from '../note/index.ts'
import { consistencyProof } from '../tile/index.ts'
import { BodyCheck } from './check-bodies.ts'
import { checkHead, type Head } from './check-head.ts'
import { checkTree } from './check-tree.ts'
import type { Finding } from './finding.ts'
import { openLines, walkFolder } from './folder.ts'
import { bodiesFile, bodyLineBytesMax, isExpected } from './layout.ts'
import { tilesOf } from './read-tile.ts'

export interface VerifyOptions {
  /** The log's verifier key, as the caller got it from elsewhere. Without it nothing is pinned. */
  readonly vkey?: string
  /** Verifier keys of witnesses that must have cosigned the checkpoint. */
  readonly witnesses?: readonly string[]
  /** A signed checkpoint seen earlier: the log must contain all it committed to. */
  readonly since?: string
  /** Stop after so many findings. */
  readonly findingsMax?: number
}

export interface ExportReport {
  readonly ok: boolean
  /** Whether the caller said whose log it must be; if not, anyone can have made the export. */
  readonly pinned: boolean
  /** Null when no checkpoint could be trusted, or there were too many findings to go on. */
  readonly log: ExportedLog | null
  readonly findings: readonly Finding[]
}

export interface ExportedLog {
  readonly origin: string
  readonly size: number
  readonly root: Uint8Array
  readonly erased: number
  readonly cosignatures: readonly { readonly name: string; readonly timestampSeconds: number }[]
}

// Enough to see what happened; a forged size of 2^53 then ends the check instead of the machine.
const findingsMaxDefault = 1_000

/**
 * Checks an exported log offline, in bounded memory. Throws `ledger/bad-vkey` for a malformed pin
 * and `ledger/unreadable` when the disk fails.
 *
 * @example
 * const report = await verifyExport('export', { vkey })
 * for (const finding of report.findings) console.error(finding.file, finding.detail)
 */
export async function verifyExport(
  folder: string,
  options: VerifyOptions = {},
): Promise<ExportReport> {
  const findingsMax = options.findingsMax ?? findingsMaxDefault
  const findings: Finding[] = []
  const check = checkExport(folder, options)
  let turn = await check.next()
  while (turn.done !== true && findings.length < findingsMax) {
    findings.push(turn.value)
    turn = await check.next()
  }
  const pinned = options.vkey !== undefined
  if (turn.done === true) return { ok: findings.length === 0, pinned, log: turn.value, findings }
  await check.return(null)
  const detail = `stopped after ${findingsMax} findings`
  findings.push({ code: 'too-many-findings', file: turn.value.file, index: null, detail })
  return { ok: false, pinned, log: null, findings }
}

async function* checkExport(
  folder: string,
  options: VerifyOptions,
): AsyncGenerator<Finding, ExportedLog | null> {
  const log = options.vkey === undefined ? null : parseVerifierKey(options.vkey)
  const witnesses = (options.witnesses ?? []).map(parseVerifierKey)
  const head = yield* checkHead(folder, { log, witnesses })
  if (head === null) return null

  const { checkpoint } = head
  yield* checkFiles(folder, checkpoint.size)
  const erased = yield* checkContents(folder, checkpoint)
  if (options.since !== undefined) yield* checkSince(folder, head, options.since)
  const cosignatures = head.cosignatures.map(({ key, timestampSeconds }) => ({
    name: key.name,
    timestampSeconds: timestampSeconds ?? 0,
  }))
  const { origin, size, root } = checkpoint
  return { origin, size, root, erased, cosignatures }
}

/** Checks tree and bodies side by side; returns how many bodies were erased. */
async function* checkContents(
  folder: string,
  checkpoint: Checkpoint,
): AsyncGenerator<Finding, number> {
  const bodies = yield* openBodies(folder)
  try {
    yield* checkTree({ folder, checkpoint, bodies })
    return bodies?.erased ?? 0
  } finally {
    await bodies?.close()
  }
}

async function* checkFiles(folder: string, size: number): AsyncGenerator<Finding, void> {
  for await (const { path, isFile } of walkFolder(folder)) {
    if (isFile && isExpected(path, size)) continue
    const got = isFile ? 'a file that does not belong to it' : 'something that is no regular file'
    const detail = `expected the files of a log of ${size} entries, got ${got}`
    yield { code: 'extra-file', file: path, index: null, detail }
  }
}

async function* openBodies(folder: string): AsyncGenerator<Finding, BodyCheck | null> {
  const lines = await openLines(folder, bodiesFile, bodyLineBytesMax)
  if (lines !== null) return new BodyCheck(lines)
  const detail = 'every export has this file'
  yield { code: 'missing-file', file: bodiesFile, index: null, detail }
  return null
}

async function* checkSince(
  folder: string,
  head: Head,
  since: string,
): AsyncGenerator<Finding, void> {
  const file = 'the earlier checkpoint'
  const opened = openCheckpoint(since, { log: head.log })
  if (!opened.ok) {
    const detail = `expected one signed by ${head.log.vkey}, got one that is ${opened.reason}`
    yield { code: 'bad-earlier-checkpoint', file, index: null, detail }
    return
  }
  const { size: oldSize, root: oldRoot } = opened.checkpoint
  const { size: newSize, root: newRoot } = head.checkpoint
  if (oldSize === 0 && sameHash(oldRoot, emptyRoot())) return
  if (oldSize > newSize) {
    const detail = `the log had ${oldSize} entries, the export has ${newSize}`
    yield { code: 'not-consistent', file, index: newSize, detail }
    return
  }
  const proof = await proofOrNull(oldSize, newSize, folder)
  const claim = { oldSize, newSize, oldRoot, newRoot }
  const verdict = proof === null ? null : verifyConsistency({ ...claim, proof })
  if (verdict?.ok === true) return
  const reason = verdict === null ? 'hash tiles are missing' : verdict.reason
  const detail = `no proof from ${oldSize} to ${newSize} entries: ${reason}`
  yield { code: 'not-consistent', file, index: null, detail }
}

/** A damaged tile is a finding of the tree's already; here it only means that there is no proof. */
async function proofOrNull(
  oldSize: number,
  newSize: number,
  folder: string,
): Promise<readonly Uint8Array[] | null> {
  try {
    return await consistencyProof(oldSize, newSize, tilesOf(folder))
  } catch (cause) {
    if (cause instanceof LedgerFailure && cause.code === 'ledger/bad-tile') return null
    throw cause
  }
}
