// Checkpoint
//
// What a log commits to: its name, its size and its root, C2SP tlog-checkpoint. `openCheckpoint`
// decides whether a signed note is a checkpoint of one given log.

import { LedgerFailure } from '../failure.ts'
import { hashBytes, isSize } from '../merkle/index.ts'
import { decodeBase64, decodeDecimal, encodeBase64, encodeUtf8 } from '../text.ts'
import type { VerifierKey } from './key.ts'
import { type NoteRefusal, openNote } from './note.ts'
import type { SignatureLine, VerifiedSignature } from './signature.ts'

export interface Checkpoint {
  /** The log's name, which is also the name of its key. */
  readonly origin: string
  readonly size: number
  readonly root: Uint8Array
  readonly extensions: readonly string[]
}

export interface CheckpointTrust {
  readonly log: VerifierKey
  /** Keys whose cosignatures are checked when they are there; none is asked for here. */
  readonly witnesses?: readonly VerifierKey[]
}

export type OpenedCheckpoint =
  | {
      readonly ok: true
      readonly checkpoint: Checkpoint
      readonly cosignatures: readonly VerifiedSignature[]
      readonly unknown: readonly SignatureLine[]
    }
  | { readonly ok: false; readonly reason: CheckpointRefusal }

/** As for notes; `not-the-log`: only witnesses signed, or the origin is not the log key's name. */
export type CheckpointRefusal = NoteRefusal | 'not-a-checkpoint' | 'not-the-log'

/** The note text of a checkpoint, tlog-checkpoint "Note text". Throws `ledger/bad-checkpoint`. */
export function formatCheckpoint(checkpoint: Checkpoint): string {
  const { origin, size, root, extensions } = checkpoint
  if (isSize(size) && root.length === hashBytes && [origin, ...extensions].every(isLine)) {
    return `${[origin, size, encodeBase64(root), ...extensions].join('\n')}\n`
  }
  throw new LedgerFailure(
    'ledger/bad-checkpoint',
    `expected lines that are not empty, a size and a root of ${hashBytes} bytes, ` +
      `got ${JSON.stringify({ origin, size, rootBytes: root.length, extensions })}`,
  )
}

/** The checkpoint that a note's text spells; null when it is none in canonical form. */
export function parseCheckpoint(text: string): Checkpoint | null {
  if (!text.endsWith('\n')) return null
  const [origin, sizeLine, rootLine, ...extensions] = text.slice(0, -1).split('\n')
  if (origin === undefined || sizeLine === undefined || rootLine === undefined) return null
  const size = decodeDecimal(sizeLine)
  const root = decodeBase64(rootLine)
  if (size === null || root?.length !== hashBytes) return null
  return [origin, ...extensions].every(isLine) ? { origin, size, root, extensions } : null
}

/**
 * Opens a signed checkpoint of the log whose key is given.
 *
 * @example
 * const opened = openCheckpoint(note, { log: parseVerifierKey(vkey) })
 * if (opened.ok) console.log(opened.checkpoint.size)
 */
export function openCheckpoint(note: string, trust: CheckpointTrust): OpenedCheckpoint {
  const opened = openNote(note, [trust.log, ...(trust.witnesses ?? [])])
  if (!opened.ok) return opened
  const checkpoint = parseCheckpoint(opened.text)
  if (checkpoint === null) return { ok: false, reason: 'not-a-checkpoint' }
  const cosignatures = opened.signatures.filter(({ key }) => key.vkey !== trust.log.vkey)
  if (cosignatures.length === opened.signatures.length || checkpoint.origin !== trust.log.name) {
    return { ok: false, reason: 'not-the-log' }
  }
  return { ok: true, checkpoint, cosignatures, unknown: opened.unknown }
}

function isLine(line: string): boolean {
  return line !== '' && !line.includes('\n') && encodeUtf8(line) !== null
}
