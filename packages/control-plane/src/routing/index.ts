export { type SnapshotBody, servingToken } from './build-snapshot.ts'
export { leaseBudgets } from './lease-budgets.ts'
export { openRelayDirectory, parseRelayUrl, type RelayDirectory } from './relay-directory.ts'
export { openSnapshotFeed, type SnapshotFeed } from './snapshot-feed.ts'
