export { ProcessWorker } from './process-worker.ts'
export { limitsDefault } from './run-process.ts'
