export { type Agreement, agreeUpTo } from './agree-up-to.ts'
export {
  type AnswerStatement,
  answerStatement,
  type SignedAnswer,
  signedAnswer,
  whyNotSaid,
} from './answer-statement.ts'
export {
  asyncapiRefused,
  checkRunnable,
  isSpoken,
  scriptLanguageOf,
  scriptRefused,
  stdioRefused,
  whyNoContainer,
} from './check-runnable.ts'
export { checkSchema } from './check-schema.ts'
export type { Action, Command, Keep } from './command.ts'
export { type Decision, decide, replay } from './decide.ts'
export type { CloudEvent, Entry, Outcome } from './entry.ts'
export { type ForkPoint, forkJournal } from './fork-journal.ts'
export type { Happening } from './happening.ts'
export { hearsLifecycle } from './hears-lifecycle.ts'
export { lifecycleEvents } from './lifecycle-events.ts'
export { LifecycleTeller, lifecyclePrefix, type ToldRun } from './lifecycle-teller.ts'
export { Machine, type Surroundings } from './machine.ts'
export { planRun, type RunPlan } from './plan-run.ts'
export {
  type ProcessKind,
  type ProcessOffer,
  type ProcessOrder,
  type ProcessOutcome,
  processKinds,
  processOffer,
  processOrder,
  processOutcome,
  type ScriptLanguage,
  type SignedOrder,
  scriptLanguages,
  signedOrder,
} from './process-order.ts'
export { type Preparation, type Program, prepareWorkflow } from './program.ts'
export { type RetryJournal, retryJournal } from './retry-journal.ts'
export { undoIn } from './run-compensate.ts'
export { type Heard, Trigger } from './trigger.ts'
export { type ErrorKind, standardError, type WorkflowError } from './workflow-error.ts'
