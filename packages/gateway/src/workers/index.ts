export { Doors } from './doors.ts'
export { joinSiblings } from './siblings.ts'
export { startWorkers, type Workers, type WorkersOptions } from './start-workers.ts'
