export { openCredentials } from './serving-credentials.ts'
export { type AssignmentVerifier, assignmentVerifier, type Trust } from './verify-assignment.ts'
