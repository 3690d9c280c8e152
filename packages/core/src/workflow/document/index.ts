export { type Protocol, protocolNames } from './call-task.ts'
export { type Duration, duration, durationMs } from './duration.ts'
export {
  type AssetNeeded,
  checkRunProperties,
  checkTaskProperties,
  type RunProperties,
  runPropertiesOf,
  taskPropertiesOf,
} from './properties.ts'
export type {
  Authentication,
  Endpoint,
  ErrorDefinition,
  ErrorFilter,
  EventConsumption,
  EventFilter,
  RetryPolicy,
  Schema,
} from './resource.ts'
export {
  type ParsedTaskList,
  parseTask,
  parseTaskList,
  type SubscriptionIterator,
  subscriptionIterator,
  type Task,
  type TaskItem,
  type TaskList,
  type TaskOf,
  type TaskType,
  taskTypes,
} from './task.ts'
export {
  type Extension,
  type ParsedWorkflow,
  parseWorkflow,
  type Schedule,
  type WorkflowDocument,
} from './workflow-document.ts'
