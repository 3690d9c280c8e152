export { hiddenIn, hiddenResult, hideNumbers, showNumbers, shownIn } from './hidden-numbers.ts'
export { type CallKey, RunningCalls } from './running-calls.ts'
export type { Sdk } from './sdk.ts'
export { toolDigest } from './tool-digest.ts'
export {
  type Tool,
  type ToolResult,
  type ToolServer,
  ToolServerFailure,
} from './tool-server.ts'
export { type ListedTools, ToolServers } from './tool-servers.ts'
export { textsOf, withTexts } from './tool-texts.ts'
