export { type AskedQuestion, type FoundQuestion, questionOf } from './question-job.ts'
export { DetectorCache, type ScanJob, type ScanResult, scan } from './scan-job.ts'
export { SideThread } from './side-thread.ts'
