export { RunningCalls } from './running-calls.ts'
export type { Sdk } from './sdk.ts'
export { type ToolResult, ToolServerFailure } from './tool-server.ts'
export { ToolServers } from './tool-servers.ts'
