// Checking the head
//
// Decides whom to believe: the key of the log, the checkpoint it signed and who cosigned it.
// Without a head that holds, nothing else in an export can be checked.

import {
  type Checkpoint,
  openCheckpoint,
  parseVerifierKey,
  type VerifiedSignature,
  type VerifierKey,
} from '../note/index.ts'
import { decodeUtf8 } from '../text.ts'
import type { Finding, FindingCode } from './finding.ts'
import { readBounded } from './folder.ts'
import { checkpointBytesMax, checkpointFile, keyFile, keyFileBytesMax } from './layout.ts'

export interface HeadTrust {
  /** The log's key as the caller knows it; null to believe the export's own. */
  readonly log: VerifierKey | null
  /** Witnesses that must have cosigned. */
  readonly witnesses: readonly VerifierKey[]
}

export interface Head {
  readonly log: VerifierKey
  readonly checkpoint: Checkpoint
  readonly cosignatures: readonly VerifiedSignature[]
}

/** The head of an export, or null when it does not hold. */
export async function* checkHead(
  folder: string,
  trust: HeadTrust,
): AsyncGenerator<Finding, Head | null> {
  const keys = yield* readKeys(folder)
  const log = trust.log ?? keys?.log ?? null
  if (keys !== null && log !== null && keys.log.vkey !== log.vkey) {
    yield finding('other-key', keyFile, `expected ${log.vkey}, got ${keys.log.vkey}`)
  }
  const note = yield* readText(folder, checkpointFile, checkpointBytesMax)
  if (log === null || note === null) return null

  const witnesses = [...trust.witnesses, ...(keys?.witnesses ?? [])]
  const opened = openCheckpoint(note, { log, witnesses })
  if (!opened.ok) {
    const detail = `expected a checkpoint signed by ${log.vkey}, got one that is ${opened.reason}`
    yield finding('bad-checkpoint', checkpointFile, detail)
    return null
  }
  for (const { name, id } of opened.unknown) {
    const detail = `the key ${name}+${id} is not in ${keyFile}; add its verifier key there`
    yield finding('unknown-signature', checkpointFile, detail)
  }
  for (const vkey of new Set(witnesses.map((witness) => witness.vkey))) {
    if (opened.cosignatures.some(({ key }) => key.vkey === vkey)) continue
    yield finding('missing-cosignature', checkpointFile, `expected a cosignature by ${vkey}`)
  }
  return { log, checkpoint: opened.checkpoint, cosignatures: opened.cosignatures }
}

/** The verifier keys that an export names for itself: the log's first, then its witnesses'. */
export interface ExportKeys {
  readonly log: VerifierKey
  readonly witnesses: readonly VerifierKey[]
}

/** The keys that the text of `log.vkey` spells; null when it is not in canonical form. */
export function parseKeyFile(text: string): ExportKeys | null {
  if (!text.endsWith('\n')) return null
  const keys = text.slice(0, -1).split('\n').map(parseOrNull)
  if (!keys.every((key) => key !== null)) return null
  const [log, ...witnesses] = keys
  if (log?.kind !== 'note' || witnesses.some(({ kind }) => kind !== 'cosignature')) return null
  return new Set(keys.map(({ vkey }) => vkey)).size === keys.length ? { log, witnesses } : null
}

function parseOrNull(vkey: string): VerifierKey | null {
  try {
    return parseVerifierKey(vkey)
  } catch {
    return null // parseVerifierKey throws for one reason only: this is no key
  }
}

async function* readKeys(folder: string): AsyncGenerator<Finding, ExportKeys | null> {
  const text = yield* readText(folder, keyFile, keyFileBytesMax)
  if (text === null) return null
  const keys = parseKeyFile(text)
  if (keys === null) {
    yield finding(
      'bad-key',
      keyFile,
      `expected the log's verifier key, then its witnesses', one on each line, got ${JSON.stringify(text.slice(0, 200))}`,
    )
  }
  return keys
}

async function* readText(
  folder: string,
  path: string,
  bytesMax: number,
): AsyncGenerator<Finding, string | null> {
  const bytes = await readBounded(folder, path, bytesMax)
  if (bytes === 'missing') {
    yield finding('missing-file', path, 'every export has this file')
    return null
  }
  if (bytes === 'too-large') {
    yield finding('wrong-length', path, `expected at most ${bytesMax} bytes`)
    return null
  }
  const text = decodeUtf8(bytes)
  if (text === null) {
    const code = path === keyFile ? 'bad-key' : 'bad-checkpoint'
    yield finding(code, path, 'expected UTF-8, got other bytes')
  }
  return text
}

function finding(code: FindingCode, file: string, detail: string): Finding {
  return { code, file, index: null, detail }
}
