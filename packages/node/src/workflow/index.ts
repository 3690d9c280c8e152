export { ProcessWorker } from './process-worker.ts'
export { limitsDefault } from './watch-process.ts'
