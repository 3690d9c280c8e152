export { type FilePlane, type FilePlaneOptions, startFilePlane } from './alone/index.ts'
export { Failure, failureCodes } from './failure.ts'
export { type Gateway, type GatewayOptions, startGateway } from './start.ts'
export { startWorkers, type Workers, type WorkersOptions } from './workers/index.ts'
