export { Failure, failureCodes } from './failure.ts'
export { describeError, makeProgram } from './program.ts'
export { readVersion } from './version.ts'
