export { arrayParameters, arrayText, freeArrayText } from './array-text.ts'
export {
  type BackupManifest,
  loadTables,
  placeBlobs,
  readBackup,
  writeBackup,
} from './backup.ts'
export { forgetGrants, grantBlob, isGranted } from './blob-grants.ts'
export { type Blobs, openBlobs, type Upload, type UploadOutcome } from './blobs.ts'
export { ChangeLine } from './change-line.ts'
export { type Alongside, commitChange, writeChange } from './commit-change.ts'
export { type Database, openDatabase, type Query, type Sql } from './database.ts'
export { isDatabaseAway, isDiskFull } from './database-away.ts'
export { openPieceDigests, type PieceDigests } from './piece-digests.ts'
export {
  allResources,
  everNamed,
  findKey,
  jsonOf,
  type ListFilter,
  listResources,
  loadResource,
  loadResources,
  resourcesSaying,
  saveStatus,
} from './resources.ts'
export { sha256 } from './sha256.ts'
export { loadEdge, readBundle, readTileFrom, readTilesOnce, saveTiles } from './tiles.ts'
export type { CommitOutcome, Committed, RecordDraft, Write } from './write-changes.ts'
