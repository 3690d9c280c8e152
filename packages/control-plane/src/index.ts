export { errorCodes, openapi } from './api/index.ts'
export { type BackupOptions, backUp, restore } from './back-up.ts'
export { Failure, failureCodes } from './failure.ts'
export { type ControlPlane, type ControlPlaneOptions, startControlPlane } from './start.ts'
