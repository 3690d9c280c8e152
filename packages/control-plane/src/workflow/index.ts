export { openNews } from '../news.ts'
export { type Database, openBlobs, openDatabase } from '../store/index.ts'
export { type ActContext, ActFailed } from './act.ts'
export {
  archiveRuns,
  loadArchived,
  type Retention,
  retentionDefault,
} from './archive-runs.ts'
export { type AssetVersion, listAssets, loadReaders, loadVersions } from './asset-rows.ts'
export {
  type BackfillRequest,
  concurrencyMax,
  startBackfill,
} from './backfill.ts'
export { cancelQueued } from './cancel-queued.ts'
export {
  type Egress,
  type OutAnswer,
  type OutRequest,
  openEgress,
  openReach,
  type Reach,
} from './egress.ts'
export { Engine } from './engine.ts'
export { EngineBusy } from './engine-busy.ts'
export type { EnginePorts } from './engine-ports.ts'
export type { Inference } from './infer.ts'
export { type KeepPorts, keeping } from './keep-result.ts'
export { Later } from './later.ts'
export {
  type LifecycleFilter,
  type LifecycleRow,
  lifecycleBounds,
  loadLifecycle,
  orderLifecycle,
} from './lifecycle-rows.ts'
export { type LineageRow, loadLineage, subjectsOfModel } from './lineage.ts'
export { listRuns, loadJournals, loadRuns, type RunFilter, type StoredRun } from './load-runs.ts'
export { openLineageOf } from './open-lineage.ts'
export { type PerformPorts, performer } from './perform-act.ts'
export { endProcess, keepProcess, takeProcess } from './processes.ts'
export { advanceQueues, enqueue, listQueued, loadQueued } from './queue.ts'
export { recordHeads } from './record-heads.ts'
export { cursorOf, queuedPlaceIn, runPlaceIn } from './run-cursor.ts'
export { type RunStatus, runStatuses } from './run-head.ts'
export { orderedChannel, publishEvent, type Signal, sendSignal } from './signal.ts'
export type { StartRequest } from './start-request.ts'
export type { Upgraded, UpgradeRequest } from './upgrade-runs.ts'
export { newestVersion, openWorkflows, type Workflows } from './workflows.ts'
