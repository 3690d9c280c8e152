// Finding
//
// One thing that is not as it must be in an export: where, and what to think of it.

/** What is wrong; stable, for machines. `findingMeanings` says each in words. */
export type FindingCode = keyof typeof findingMeanings

export interface Finding {
  readonly code: FindingCode
  /** The file concerned, relative to the export. */
  readonly file: string
  /** The first log entry concerned; null when the finding is about the file as a whole. */
  readonly index: number | null
  /** What was expected and what came. */
  readonly detail: string
}

/** What each finding means. */
export const findingMeanings = {
  'bad-key': 'log.vkey is not a list of verifier keys in canonical form',
  'other-key': 'log.vkey names another log key than the one pinned by the caller',
  'bad-checkpoint': 'the checkpoint is not signed by the log, or not in canonical form',
  'unknown-signature': 'a signature of a key that is not in log.vkey: nobody can check it',
  'missing-cosignature': 'a witness that must have cosigned did not',
  'missing-file': 'a file that an export of this size has is not there',
  'wrong-length': 'a file is longer or shorter than it can be',
  'extra-file': 'a file that an export of this size does not have',
  'bad-bundle': 'an entry bundle does not hold the entries it must hold',
  'entry-changed': 'an entry is not the one that the tree commits to',
  'tile-changed': 'a hash tile is not the one that the tree commits to',
  'tile-mismatch': 'a hash tile and what lies below it disagree, and neither fits above',
  'root-mismatch': 'the tree of these files is not the one that the log signed',
  'bad-body-line': 'a line of bodies.jsonl is not in canonical form',
  'missing-body': 'bodies.jsonl has no line for an entry',
  'extra-body': 'bodies.jsonl has a line too many',
  'body-changed': 'a salt or body is not the one that its entry commits to',
  'bad-earlier-checkpoint': 'the earlier checkpoint is not one of this log',
  'not-consistent': 'the log does not contain what the earlier checkpoint committed to',
  'too-many-findings': 'checking stopped early; there may be more',
} as const
