// Note
//
// A text and the signatures under it, C2SP signed-note. The text of a note means nothing until a
// known key is seen to have signed it, so `openNote` is the only way to it from outside.

import { assert } from '../assert.ts'
import { LedgerFailure } from '../failure.ts'
import { encodeUtf8, hasControls } from '../text.ts'
import type { SignerKey, VerifierKey } from './key.ts'
import {
  cosignLine,
  parseLine,
  type SignatureLine,
  signLine,
  type VerifiedSignature,
  verifyLine,
} from './signature.ts'

export type OpenedNote =
  | {
      readonly ok: true
      readonly text: string
      readonly signatures: readonly VerifiedSignature[]
      /** Lines of keys that the caller did not name: they prove nothing. */
      readonly unknown: readonly SignatureLine[]
    }
  | { readonly ok: false; readonly reason: NoteRefusal }

/**
 * `malformed`: not a note, or not in canonical form. `bad-signature`: a key that the caller named
 * did not make the signature under its name. `unverified`: no key that the caller named signed it.
 */
export type NoteRefusal = 'malformed' | 'bad-signature' | 'unverified'

// As golang.org/x/mod/sumdb/note: generous for any note, small enough for any machine.
const noteCharactersMax = 1_000_000
const signaturesMax = 100

/**
 * The note of a text, signed by every key given in that order. Throws `ledger/bad-note-text`.
 *
 * @example
 * const note = signNote(formatCheckpoint({ origin, size, root, extensions: [] }), [logKey])
 */
export function signNote(text: string, signers: readonly SignerKey[]): string {
  if (!isNoteText(text)) {
    throw new LedgerFailure(
      'ledger/bad-note-text',
      `expected valid UTF-8 that ends in a newline, without other control characters, ` +
        `got ${JSON.stringify(text.slice(0, 80))}`,
    )
  }
  assert(signers.length > 0, 'a note has a signature')
  assert(
    signers.every((signer) => signer.verifier.kind === 'note'),
    'a cosignature key signs by cosignNote',
  )
  return `${text}\n${signers.map((signer) => signLine(text, signer)).join('')}`
}

/** The note with a witness's timestamped cosignature added, C2SP tlog-cosignature. */
export function cosignNote(note: string, signer: SignerKey, timestampSeconds: number): string {
  const parsed = parseNote(note)
  assert(parsed !== null, 'only a well-formed note is cosigned')
  assert(signer.verifier.kind === 'cosignature', 'a witness signs with a cosignature key')
  assert(Number.isSafeInteger(timestampSeconds) && timestampSeconds >= 0, 'whole seconds')
  return note + cosignLine(parsed.text, signer, timestampSeconds)
}

/**
 * Checks a note against the keys that the caller trusts, C2SP signed-note "Signatures": lines of
 * other keys are ignored, one bad signature under a known key spoils the whole note.
 */
export function openNote(note: string, verifiers: readonly VerifierKey[]): OpenedNote {
  const parsed = parseNote(note)
  if (parsed === null) return refuse('malformed')

  const signatures: VerifiedSignature[] = []
  const unknown: SignatureLine[] = []
  for (const line of parsed.lines) {
    const key = verifiers.find((verifier) => verifier.name === line.name && verifier.id === line.id)
    if (key === undefined) {
      unknown.push(line)
      continue
    }
    const verified = verifyLine(parsed.text, line, key)
    if (verified === null) return refuse('bad-signature')
    signatures.push(verified)
  }
  if (signatures.length === 0) return refuse('unverified')
  return { ok: true, text: parsed.text, signatures, unknown }
}

interface ParsedNote {
  readonly text: string
  readonly lines: readonly SignatureLine[]
}

/** The last empty line parts text and signatures: the text itself may hold empty lines. */
function parseNote(note: string): ParsedNote | null {
  if (note.length > noteCharactersMax || !isNoteText(note)) return null
  const blank = note.lastIndexOf('\n\n')
  if (blank === -1) return null
  const rawLines = note.slice(blank + 2, -1).split('\n')
  if (rawLines.length > signaturesMax) return null
  const lines = rawLines.map(parseLine)
  return lines.every((line) => line !== null) ? { text: note.slice(0, blank + 1), lines } : null
}

function isNoteText(text: string): boolean {
  return text.endsWith('\n') && !hasControls(text) && encodeUtf8(text) !== null
}

function refuse(reason: NoteRefusal): OpenedNote {
  return { ok: false, reason }
}
