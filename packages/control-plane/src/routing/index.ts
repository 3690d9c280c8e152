export { type BudgetStatus, budgetStatus } from './budget-status.ts'
export { type SnapshotBody, servingToken } from './build-snapshot.ts'
export { foldBudgets } from './fold-budgets.ts'
export {
  type GatewayDirectory,
  type GatewayEntry,
  openGatewayDirectory,
  parseRelayUrl,
} from './gateway-directory.ts'
export { type KeptRequests, openKeptRequests } from './kept-requests.ts'
export { leaseBudgets } from './lease-budgets.ts'
export { openSnapshotFeed, type SnapshotFeed } from './snapshot-feed.ts'
export { openStoredResponses, type StoredResponses } from './stored-responses.ts'
export { sumUsage, takeUsage } from './usage.ts'
