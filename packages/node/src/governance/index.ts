export { openCredentials } from './serving-credentials.ts'
export { type Trust, verifyAssignment, verifyCheckpoint } from './verify-assignment.ts'
