export { type SnapshotBody, servingToken } from './build-snapshot.ts'
export { openSnapshotFeed, type SnapshotFeed } from './snapshot-feed.ts'
