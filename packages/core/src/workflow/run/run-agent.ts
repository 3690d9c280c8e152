// Run agent
//
// `tutti.agent`: a model that uses tools until it has an answer. Each turn of the model is a step of the journal, and so
// is whatever a tool does: a run that goes on after a crash asks nothing again that was answered.
//
//   A1. Before each turn every limit is looked at; one that is reached ends the agent with an error that names it.
//   A2. What the model gets wrong (a tool that is not there, arguments that do not fit, an answer out of form) is said to
//       the model, as a turn that counts; what a tool fails with, too.
//   A3. A limit of tokens or cost holds only where the route says what was used: else the agent ends.

import type { Json } from '../../resource/index.ts'
import {
  type AgentArguments,
  agentArguments,
  type Members,
  membersOf,
  type Tool,
} from './agent-arguments.ts'
import { asJson } from './as-json.ts'
import { guarded } from './limit-time.ts'
import { type Body, type Done, inside, type Result, type Site, type Stage, turn } from './stage.ts'
import { taskOf } from './task-of.ts'
import { Fault, fault, standardError, type WorkflowError } from './workflow-error.ts'

export const runAgent: Body = (stage, site, done) => {
  const given = membersOf(asJson(taskOf(site, 'call').with ?? {}))
  const fill = (template: Json) => stage.expressions.fill(template, site.input, stage.sight(site))
  new Conversation({ stage, site, done }, agentArguments(given, fill)).begin()
}

interface ToolCall {
  readonly id: string
  readonly name: string
  readonly arguments: string
}

/** A tool of a server: called where it is. */
interface RemoteTool {
  readonly name: string
  readonly description: Json
  readonly parameters: Json
  readonly transport: Json
}

const resultMax = 50_000 // characters of one result that the model is shown

class Conversation {
  readonly #stage: Stage
  readonly #site: Site
  readonly #done: Done
  readonly #agent: AgentArguments
  /** Grown by every turn. */
  readonly #messages: Json[]
  readonly #remote = new Map<string, RemoteTool>()
  #turns = 0
  #toolCalls = 0
  readonly #usage = { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 }
  #costDollars = 0

  constructor(
    { stage, site, done }: { readonly stage: Stage; readonly site: Site; readonly done: Done },
    agent: AgentArguments,
  ) {
    this.#stage = stage
    this.#site = site
    this.#done = done
    this.#agent = agent
    this.#messages = [...agent.messages]
  }

  begin(): void {
    this.#discover(0)
  }

  /** Asks one server after the other for its tools. */
  #discover(index: number): void {
    const server = this.#agent.servers[index]
    if (server === undefined) {
      this.#guarded(() => this.#turn())
      return
    }
    const { transport, allow } = server
    const scope = inside(this.#site.scope, `with/tools/${index}`)
    const args = { method: 'tools/list', transport }
    const action = { type: 'call', protocol: 'mcp', arguments: args } as const
    this.#stage.act({ ...this.#site, scope }, action, (result) => {
      if (!result.ok) {
        this.#done(result)
        return
      }
      const { tools } = membersOf(result.output)
      for (const tool of Array.isArray(tools) ? tools.map(membersOf) : []) {
        const name = String(tool['name'])
        if (allow?.includes(name) === false) continue
        const { description = '', inputSchema: parameters = { type: 'object' } } = tool
        this.#remote.set(name, { name, description, parameters, transport })
      }
      this.#discover(index + 1)
    })
  }

  #turn(): void {
    this.#checkLimits() // A1
    const { route, settings, limits, output } = this.#agent
    const left = limits.tokens === null ? {} : this.#tokensLeft(limits.tokens)
    const tools = [...this.#agent.tools, ...this.#remote.values()].map(
      ({ name, description, parameters }) => ({
        type: 'function',
        function: { name, description, parameters },
      }),
    )
    const schema = { name: 'output', schema: output, strict: true }
    const args = {
      ...{ ...settings, ...left, route, messages: [...this.#messages] },
      ...(tools.length === 0 ? {} : { tools }),
      ...(output === null ? {} : { response_format: { type: 'json_schema', json_schema: schema } }),
    }
    const scope = inside(this.#place(), 'model')
    const action = { type: 'function', name: 'tutti.infer', arguments: args } as const
    this.#stage.act({ ...this.#site, scope }, action, (result) => {
      if (result.ok) this.#guarded(() => this.#answered(membersOf(result.output)))
      else this.#done(result)
    })
  }

  #place() {
    return turn(this.#site.scope, `#${this.#turns}`)
  }

  #tokensLeft(tokens: number): Members {
    const left = tokens - this.#usage.total_tokens
    const own = this.#agent.settings['max_completion_tokens']
    return { max_completion_tokens: typeof own === 'number' ? Math.min(own, left) : left }
  }

  #checkLimits(): void {
    const { turns, toolCalls, tokens, costDollars } = this.#agent.limits
    const used = (what: string, count: number, limit: number | null) => {
      if (limit !== null && count >= limit) limitReached(`${count} of ${limit} ${what}`)
    }
    used('turns', this.#turns, turns)
    used('tokens', this.#usage.total_tokens, tokens)
    used('dollars', this.#costDollars, costDollars)
    if (this.#toolCalls > toolCalls) limitReached(`${this.#toolCalls} of ${toolCalls} tool calls`)
  }

  #answered({ content = null, toolCalls, usage = null }: Members): void {
    this.#meter(membersOf(usage))
    const calls = Array.isArray(toolCalls) ? toolCalls.map(callOf) : []
    if (calls.length === 0) {
      this.#conclude(content)
      return
    }
    const asked = calls.map(({ id, name, arguments: args }) => ({
      ...{ id, type: 'function' },
      function: { name, arguments: args },
    }))
    this.#messages.push({ role: 'assistant', content, tool_calls: asked })
    this.#toolCalls += calls.length
    if (this.#toolCalls > this.#agent.limits.toolCalls) this.#checkLimits() // before they are made
    this.#callTools(calls)
  }

  /** A3 */
  #meter(usage: Members): void {
    const { limits, prices } = this.#agent
    for (const name of ['prompt_tokens', 'completion_tokens', 'total_tokens'] as const) {
      const count = usage[name]
      if (typeof count === 'number') this.#usage[name] += count
      else if (limits.tokens !== null) unmetered('tokens')
    }
    const { cost, prompt_tokens: read, completion_tokens: written } = usage
    if (typeof cost === 'number') this.#costDollars += cost
    else if (prices !== null && typeof read === 'number' && typeof written === 'number') {
      this.#costDollars += (read * prices.input + written * prices.output) / 1e6
    } else if (limits.costDollars !== null) unmetered('cost')
  }

  #conclude(content: Json): void {
    const { output } = this.#agent
    const value = output === null ? content : parsed(content)
    const wrong =
      value === undefined
        ? 'it is no JSON'
        : output === null
          ? null
          : this.#stage.checkSchema(output, value)
    if (wrong === null) {
      const counts = { turns: this.#turns + 1, toolCalls: this.#toolCalls }
      const usage = { ...this.#usage, cost: this.#costDollars }
      const said = { content: value ?? null, ...counts, usage }
      this.#done({ ok: true, output: said, next: null })
      return
    }
    // A2
    this.#messages.push({ role: 'assistant', content })
    this.#messages.push({ role: 'user', content: `The answer does not fit its schema: ${wrong}` })
    this.#again()
  }

  /** All calls of a turn at once; their results in the order in which they were asked for. */
  #callTools(calls: readonly ToolCall[]): void {
    const results: string[] = calls.map(() => '')
    let left = calls.length
    for (const [index, call] of calls.entries()) {
      this.#callTool(call, index, (result) => {
        const value = result.ok ? result.output : { error: sayError(result.error) } // A2
        results[index] = shown(value)
        left -= 1
        if (left > 0) return
        for (const [at, { id }] of calls.entries()) {
          this.#messages.push({ role: 'tool', tool_call_id: id, content: results[at] ?? '' })
        }
        this.#again()
      })
    }
  }

  #callTool(call: ToolCall, index: number, ended: (result: Result) => void): void {
    const scope = inside(this.#place(), `tools/${index}/${call.name}`)
    const own = this.#agent.tools.find(({ name }) => name === call.name)
    const remote = this.#remote.get(call.name)
    const args = parsed(call.arguments === '' ? '{}' : call.arguments)
    const wrong = this.#whyNot(own ?? remote, call.name, args)
    if (wrong !== null || args === undefined) {
      ended({ ok: false, error: standardError('validation', wrong ?? '') })
      return
    }
    this.#stage.soon(scope, () => {
      if (own !== undefined) {
        this.#stage.runList(own.list, inside(scope, 'do'), args, ended)
        return
      }
      const parameters = { name: call.name, arguments: args }
      const transport = remote?.transport ?? null
      const asked = { method: 'tools/call', transport, parameters }
      const action = { type: 'call', protocol: 'mcp', arguments: asked } as const
      this.#stage.act({ ...this.#site, scope }, action, ended)
    })
  }

  #whyNot(
    tool: Pick<Tool, 'parameters'> | undefined,
    name: string,
    args: Json | undefined,
  ): string | null {
    if (tool === undefined) return `there is no tool ${name}`
    if (args === undefined) return 'the arguments are no JSON'
    const wrong = this.#stage.checkSchema(tool.parameters, args)
    return wrong === null ? null : `the arguments do not fit: ${wrong}`
  }

  #again(): void {
    this.#turns += 1
    this.#stage.soon(this.#site.scope, () => this.#guarded(() => this.#turn()))
  }

  #guarded(work: () => void): void {
    guarded((error) => this.#done({ ok: false, error }), work)
  }
}

function callOf(given: Json): ToolCall {
  const { id, name, arguments: args } = membersOf(given)
  return { id: String(id), name: String(name), arguments: String(args ?? '') }
}

function parsed(text: Json): Json | undefined {
  if (typeof text !== 'string') return undefined
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function shown(value: Json): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  if (text.length <= resultMax) return text
  return `${text.slice(0, resultMax)}\n… ${text.length - resultMax} characters were left out`
}

function sayError({ detail, title, type }: WorkflowError): string {
  return detail ?? title ?? type
}

/** Documents catch it by this type: it is none of the specification's. */
function limitReached(used: string): never {
  const detail = `the agent has used ${used} and has no answer`
  const kind = { type: 'urn:tutti:error:limit', status: 429, title: 'Limit Reached' }
  throw new Fault({ ...kind, detail })
}

function unmetered(what: string): never {
  return fault('configuration', `the agent has a limit of ${what}, and the route does not say them`)
}
