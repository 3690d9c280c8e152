export { openCredentials } from './serving-credentials.ts'
export {
  type AssignmentRefusal,
  type AssignmentVerifier,
  assignmentVerifier,
  type Trust,
} from './verify-assignment.ts'
