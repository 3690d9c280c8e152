// Finding
//
// One thing that is wrong with an input: where, what was expected, what came, and what to do about it.

export interface Finding {
  /** A path such as `spec.strategy.canary.perStratum`; empty for the whole. */
  readonly path: string
  readonly message: string
}

/** One line for people. */
export function formatFinding(finding: Finding): string {
  return finding.path === '' ? finding.message : `${finding.path}: ${finding.message}`
}
