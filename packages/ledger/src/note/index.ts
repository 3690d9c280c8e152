export {
  type Checkpoint,
  type CheckpointRefusal,
  type CheckpointTrust,
  formatCheckpoint,
  type OpenedCheckpoint,
  openCheckpoint,
  parseCheckpoint,
} from './checkpoint.ts'
export {
  formatSignerKey,
  type KeyKind,
  parseSignerKey,
  parseVerifierKey,
  type SignerKey,
  signerKeyFromSeed,
  type VerifierKey,
} from './key.ts'
export { cosignNote, type NoteRefusal, type OpenedNote, openNote, signNote } from './note.ts'
export type { SignatureLine, VerifiedSignature } from './signature.ts'
