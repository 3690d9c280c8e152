export { type SnapshotBody, servingToken } from './build-snapshot.ts'
export { leaseBudgets } from './lease-budgets.ts'
export { openSnapshotFeed, type SnapshotFeed } from './snapshot-feed.ts'
