export { type BodyLine, formatBodyLine, parseBodyLine } from './body-line.ts'
export { commit, opens, saltBytes } from './commitment.ts'
export {
  checkEntryProof,
  type EntryProof,
  type EntryProofRefusal,
  type EntryProofVerdict,
  formatEntryProof,
  type ProvedEntry,
  parseEntryProof,
  proveEntry,
} from './entry-proof.ts'
export { exportLog, type Leaf, type LogToExport } from './export-log.ts'
export { type Finding, type FindingCode, findingMeanings } from './finding.ts'
export { tilesOf } from './read-tile.ts'
export {
  type ExportedLog,
  type ExportReport,
  type VerifyOptions,
  verifyExport,
} from './verify-export.ts'
