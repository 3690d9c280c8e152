// Entry proof
//
// One entry of a log, its body and all it takes to check, in one piece of text: for someone who
// wants to know about a single record and has nothing but the log's verifier key.

import {
  hashBytes,
  type InclusionRefusal,
  isSize,
  leafHash,
  verifyInclusion,
} from '../merkle/index.ts'
import {
  type Checkpoint,
  type CheckpointRefusal,
  openCheckpoint,
  type VerifierKey,
} from '../note/index.ts'
import { decodeBase64, decodeUtf8, encodeBase64 } from '../text.ts'
import {
  bundleBytesMax,
  decodeBundle,
  inclusionProof,
  tilePath,
  tileWidth,
  widthAt,
} from '../tile/index.ts'
import { type BodyLine, parseBodyLine, parseObject } from './body-line.ts'
import { parseKeyFile } from './check-head.ts'
import { opens, saltBytes } from './commitment.ts'
import { openLines, readBounded } from './folder.ts'
import {
  bodiesFile,
  bodyLineBytesMax,
  checkpointBytesMax,
  checkpointFile,
  keyFile,
  keyFileBytesMax,
} from './layout.ts'
import { tilesOf } from './read-tile.ts'

export interface EntryProof {
  readonly index: number
  readonly entry: Uint8Array
  /** Null when salt and body were erased. */
  readonly opening: { readonly salt: Uint8Array; readonly body: string } | null
  readonly proof: readonly Uint8Array[]
  /** The signed checkpoint. */
  readonly checkpoint: string
}

export type EntryProofVerdict =
  | {
      readonly ok: true
      readonly checkpoint: Checkpoint
      readonly index: number
      readonly entry: Uint8Array
      /** What the entry commits to; null when it was erased. */
      readonly body: string | null
    }
  | { readonly ok: false; readonly reason: EntryProofRefusal }

/** `body-mismatch`: the salt and body given are not those that the entry commits to. */
export type EntryProofRefusal = 'malformed' | 'body-mismatch' | CheckpointRefusal | InclusionRefusal

/** A proof's text, or in words what is wrong with the export. */
export type ProvedEntry =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly reason: string }

const format = 'tutti-ledger-proof/v1'
// A body line, its entry and a checkpoint, in base64 and escapes: nothing longer was ever made.
const proofCharactersMax = 8 * bodyLineBytesMax

/** The text of a proof: JSON, indented for people. */
export function formatEntryProof({ index, entry, opening, proof, checkpoint }: EntryProof): string {
  const fields = {
    format,
    index,
    entry: encodeBase64(entry),
    salt: opening === null ? null : encodeBase64(opening.salt),
    body: opening?.body ?? null,
    proof: proof.map(encodeBase64),
    checkpoint,
  }
  return `${JSON.stringify(fields, null, 2)}\n`
}

/** The proof that a text spells; null when it is none in canonical form. */
export function parseEntryProof(text: string): EntryProof | null {
  const fields = text.length > proofCharactersMax ? null : parseObject(text)
  const index = fields?.['index']
  const checkpoint = fields?.['checkpoint']
  const entry = decodeField(fields?.['entry'])
  const proof = decodeHashes(fields?.['proof'])
  const opening = decodeOpening(fields?.['salt'], fields?.['body'])
  if (typeof index !== 'number' || !isSize(index) || typeof checkpoint !== 'string') return null
  if (entry === null || proof === null || opening === undefined) return null
  const parsed = { index, entry, opening, proof, checkpoint }
  return formatEntryProof(parsed) === text ? parsed : null
}

/**
 * Checks a proof's text against the key of the log, offline.
 *
 * @example
 * const verdict = checkEntryProof(text, parseVerifierKey(vkey))
 * if (verdict.ok) console.log(verdict.body)
 */
export function checkEntryProof(text: string, log: VerifierKey): EntryProofVerdict {
  const parsed = parseEntryProof(text)
  if (parsed === null) return { ok: false, reason: 'malformed' }
  const { index, entry, opening, proof } = parsed
  const opened = openCheckpoint(parsed.checkpoint, { log })
  if (!opened.ok) return opened
  const { checkpoint } = opened
  const { size, root } = checkpoint
  const verdict = verifyInclusion({ index, size, leaf: leafHash(entry), root, proof })
  if (!verdict.ok) return verdict
  if (opening !== null && !opens(entry, opening.salt, opening.body)) {
    return { ok: false, reason: 'body-mismatch' }
  }
  return { ok: true, checkpoint, index, entry, body: opening?.body ?? null }
}

/**
 * Makes the proof of one entry of an export and checks it before it is given out: a refusal means
 * that the export is damaged. Throws `ledger/out-of-range`, `ledger/bad-tile`, `ledger/unreadable`.
 */
export async function proveEntry(folder: string, index: number): Promise<ProvedEntry> {
  const keyText = await readText(folder, keyFile, keyFileBytesMax)
  const checkpoint = await readText(folder, checkpointFile, checkpointBytesMax)
  const keys = keyText === null ? null : parseKeyFile(keyText)
  if (keys === null) return { ok: false, reason: `${keyFile} is missing or malformed` }
  if (checkpoint === null) return { ok: false, reason: `${checkpointFile} is missing or malformed` }
  const opened = openCheckpoint(checkpoint, keys)
  if (!opened.ok) return { ok: false, reason: `${checkpointFile} is ${opened.reason}` }

  const { size } = opened.checkpoint
  const proof = await inclusionProof(index, size, tilesOf(folder))
  const entry = await readEntry(folder, index, size)
  const line = await readBody(folder, index)
  if (entry === null) return { ok: false, reason: `entry ${index} is missing or malformed` }
  if (line === null) return { ok: false, reason: `${bodiesFile} has no line for entry ${index}` }
  const opening = 'erased' in line ? null : { salt: line.salt, body: line.body }
  const text = formatEntryProof({ index, entry, opening, proof, checkpoint })
  const verdict = checkEntryProof(text, keys.log)
  return verdict.ok ? { ok: true, text } : { ok: false, reason: verdict.reason }
}

async function readEntry(folder: string, index: number, size: number): Promise<Uint8Array | null> {
  const bundle = Math.floor(index / tileWidth)
  const width = widthAt(size, 'entries', bundle)
  const path = tilePath({ level: 'entries', index: bundle, width })
  const bytes = await readBounded(folder, path, bundleBytesMax)
  const decoded = typeof bytes === 'string' ? null : decodeBundle(bytes, width)
  return decoded?.ok === true ? (decoded.entries[index % tileWidth] ?? null) : null
}

async function readBody(folder: string, index: number): Promise<BodyLine | null> {
  const lines = await openLines(folder, bodiesFile, bodyLineBytesMax)
  if (lines === null) return null
  let at = 0
  for await (const text of lines) {
    if (at++ < index) continue
    const line = text === null ? null : parseBodyLine(text)
    return line?.index === index ? line : null
  }
  return null
}

async function readText(folder: string, path: string, bytesMax: number): Promise<string | null> {
  const bytes = await readBounded(folder, path, bytesMax)
  return typeof bytes === 'string' ? null : decodeUtf8(bytes)
}

function decodeField(value: unknown): Uint8Array | null {
  return typeof value === 'string' ? decodeBase64(value) : null
}

function decodeHashes(value: unknown): readonly Uint8Array[] | null {
  if (!Array.isArray(value)) return null
  const hashes = value.map(decodeField)
  return hashes.every((hash) => hash?.length === hashBytes) ? hashes.flatMap((h) => h ?? []) : null
}

/** Undefined when the fields are neither an opening nor both null. */
function decodeOpening(saltText: unknown, body: unknown): EntryProof['opening'] | undefined {
  if (saltText === null && body === null) return null
  const salt = decodeField(saltText)
  if (salt?.length !== saltBytes || typeof body !== 'string') return undefined
  return { salt, body }
}
