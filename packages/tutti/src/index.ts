export { describeError, Failure, failureCodes } from './failure.ts'
export { makeProgram } from './program.ts'
export { readVersion } from './version.ts'
