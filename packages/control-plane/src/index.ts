export { errorCodes, openapi } from './api/index.ts'
export { Failure, failureCodes } from './failure.ts'
export { type ControlPlane, type ControlPlaneOptions, startControlPlane } from './start.ts'
