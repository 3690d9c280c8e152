// Agent arguments
//
// What `tutti.agent` is given: the route, what is asked, the tools, the form of the answer, and the limits.

import type { Json } from '../../resource/index.ts'
import { parseTaskList, type TaskList } from '../document/index.ts'
import { fault } from './workflow-error.ts'

export interface AgentArguments {
  readonly route: string
  /** What the conversation begins with, in the form of chat completions. */
  readonly messages: readonly Json[]
  readonly tools: readonly Tool[]
  readonly servers: readonly ToolServer[]
  /** JSON Schema of the answer; null where it is text. */
  readonly output: Json
  readonly limits: Limits
  /** US dollars for a million tokens; null where the route says what a turn cost. */
  readonly prices: { readonly input: number; readonly output: number } | null
  /** What else goes into every request, `temperature` and the like. */
  readonly settings: Members
}

/** A tool that is a list of tasks on its arguments. */
export interface Tool {
  readonly name: string
  readonly description: string
  readonly parameters: Json
  readonly list: TaskList
}

/** A server whose tools are asked for when the agent begins. */
export interface ToolServer {
  readonly transport: Json
  /** Names of the tools that may be used; null: all. */
  readonly allow: readonly string[] | null
}

export interface Limits {
  readonly turns: number
  readonly toolCalls: number
  readonly tokens: number | null
  readonly costDollars: number | null
}

export type Members = { readonly [key: string]: Json }
type Fill = (template: Json) => Json

const turnsDefault = 10
const turnsMax = 100 // every turn sends the conversation again
const toolCallsDefault = 50
const toolsMax = 128 // what models take

export function agentArguments(given: Members, fill: Fill): AgentArguments {
  const { tools, route, instructions, prompt, messages, output, limits, prices, ...more } = given
  const routeName = fill(route ?? null)
  if (typeof routeName !== 'string') fault('configuration', 'agent: `route` is a name')
  const asked = fill(messages ?? null)
  const said = fill(prompt ?? null)
  if (!Array.isArray(asked) && typeof said !== 'string') {
    fault('configuration', 'agent: asks with `prompt`, a text, or `messages`, a list')
  }
  const system = fill(instructions ?? null)
  const list = Array.isArray(tools) ? tools.map(membersOf) : []
  if (list.length > toolsMax) fault('configuration', `agent: has ${toolsMax} tools at most`)
  return {
    route: String(routeName),
    messages: [
      ...(system === null ? [] : [{ role: 'system', content: String(system) }]),
      ...(Array.isArray(asked) ? asked : []),
      ...(typeof said === 'string' ? [{ role: 'user', content: said }] : []),
    ],
    tools: list.filter((tool) => tool['mcp'] === undefined).map((tool) => toolOf(tool, fill)),
    servers: list.flatMap((tool) => (tool['mcp'] === undefined ? [] : [serverOf(tool, fill)])),
    output: output ?? null,
    limits: limitsOf(membersOf(fill(limits ?? {}))),
    prices: prices === undefined ? null : pricesOf(membersOf(fill(prices))),
    settings: membersOf(fill(more)),
  }
}

function toolOf({ name, description, parameters, do: tasks }: Members, fill: Fill): Tool {
  if (typeof name !== 'string' || !/^[\w-]{1,64}$/.test(name)) {
    fault('configuration', 'agent: a tool has a `name` of letters, digits, - and _')
  }
  const parsed = parseTaskList(tasks)
  if (!parsed.ok) return fault('configuration', `agent: the tool ${name}: ${parsed.reason}`)
  return {
    name: String(name),
    description: String(fill(description ?? '')),
    parameters: parameters ?? { type: 'object' },
    list: parsed.list,
  }
}

function serverOf({ mcp }: Members, fill: Fill): ToolServer {
  const { transport, allow } = membersOf(mcp ?? null)
  if (transport === undefined) return fault('configuration', 'agent: an MCP server has a transport')
  const names = Array.isArray(allow) ? allow.map(String) : null
  return { transport: fill(transport), allow: names }
}

function limitsOf({ turns, toolCalls, tokens, cost }: Members): Limits {
  const count = (name: string, value: Json | undefined): number | null => {
    if (value === undefined) return null
    if (typeof value === 'number' && value > 0) return value
    return fault('configuration', `agent: limits.${name} is more than 0`)
  }
  return {
    turns: Math.min(turnsMax, count('turns', turns) ?? turnsDefault),
    toolCalls: count('toolCalls', toolCalls) ?? toolCallsDefault,
    tokens: count('tokens', tokens),
    costDollars: count('cost', cost),
  }
}

function pricesOf({ input, output }: Members): AgentArguments['prices'] {
  if (typeof input === 'number' && typeof output === 'number') return { input, output }
  return fault(
    'configuration',
    'agent: prices has `input` and `output`, dollars per million tokens',
  )
}

export function membersOf(value: Json): Members {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
  return isObject ? Object.fromEntries(Object.entries(value)) : {}
}
