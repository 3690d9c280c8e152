// MCP
//
// Workflows as tools of the Model Context Protocol: the newest version of each that the caller may read is a tool named
// NAMESPACE_NAME, whose arguments are the run's input. A run that has not ended when the answer is due goes on; `run_status`
// tells of it. Each request stands by itself: there are no sessions to lose.

import {
  type CallToolResult,
  createMcpHandler,
  Server,
  type Tool,
} from '@modelcontextprotocol/server'
import type { Json } from '@tutti/core/resource'
import { type Outcome, parseWorkflow, workflowName } from '@tutti/core/workflow'
import type { Context } from 'hono'
import { z } from 'zod'
import type { Principal } from '../governance/index.ts'
import { loadRuns } from '../workflow/index.ts'
import { openFence, whyMayNot } from './authorize.ts'
import { beginRun } from './begin-run.ts'
import type { ApiPorts, Env } from './ports.ts'
import { readJson } from './resources.ts'

const toolsMax = 500 // more than any model can choose from
const parseError = -32_700 // of JSON-RPC
const answerMs = 45_000 // clients give up after a minute
const form = z.looseObject({ type: z.literal('object') })
const status: Tool = {
  name: 'run_status',
  description: 'How a run of a workflow stands, and what it gave',
  inputSchema: {
    type: 'object',
    required: ['run'],
    properties: { run: { type: 'string' } },
  },
}

/** Answers one request of a client. */
export async function serveMcp(context: Context<Env>, ports: ApiPorts): Promise<Response> {
  const body = context.req.method === 'POST' ? await readJson(context) : null
  if (body?.ok === false) {
    const error = { code: parseError, message: body.reason }
    return context.json({ jsonrpc: '2.0', id: null, error }, 400)
  }
  const project = context.req.query('project') ?? 'default'
  const { principal } = context.get('caller')
  const serve = () => {
    const server = new Server(
      { name: 'tutti', version: ports.version },
      { capabilities: { tools: {} } },
    )
    server.setRequestHandler('tools/list', async () => ({
      tools: [...(await listTools(ports, principal, project)), status],
    }))
    server.setRequestHandler('tools/call', async ({ params }) => {
      const { name, arguments: args = {} } = params
      const input = z.json().parse(args)
      return name === status.name
        ? await showRun(ports, principal, input)
        : await runTool(ports, principal, { project, name, input })
    })
    return server
  }
  const handler = createMcpHandler(serve, { maxSubscriptions: 0 })
  return await handler.fetch(context.req.raw, { parsedBody: body?.value })
}

async function listTools(
  ports: ApiPorts,
  principal: Principal,
  project: string,
): Promise<readonly Tool[]> {
  const rows = await ports.sql<{ name: string; document: unknown; labels: Labels }[]>`
    select name, labels, spec->'document' as document from (
      select distinct on (split_part(name, ':', 1)) name, labels, spec
      from resource where kind = 'Workflow' and project = ${project} and not deleted
      order by split_part(name, ':', 1), created_at_ms desc, name desc) as newest
    order by name limit ${toolsMax}`
  const mayRead = openFence(ports, principal, 'Workflow')
  const tools: Tool[] = []
  for (const { name, labels, document } of rows) {
    const parsed = parseWorkflow(document)
    if (!parsed.ok || !(await mayRead({ project, name, labels }))) continue
    const { namespace, name: own, title, summary } = parsed.document.document
    const { schema } = parsed.document.input ?? {}
    const given = form.safeParse(schema !== undefined && 'document' in schema ? schema.document : 0)
    tools.push({
      name: `${namespace}_${own}`,
      description: [title, summary].filter(Boolean).join(': ') || `the workflow ${name}`,
      inputSchema: given.success ? given.data : { type: 'object' },
    })
  }
  return tools
}

type Labels = Readonly<Record<string, string>>

async function runTool(
  ports: ApiPorts,
  principal: Principal,
  { project, name: tool, input }: { project: string; name: string; input: Json },
): Promise<CallToolResult> {
  const [namespace = '', name = ''] = tool.split('_')
  const asked = { project, namespace, name, version: null, input, labels: { 'tutti/by': 'mcp' } }
  const begun = await beginRun(ports, principal, asked)
  if (!begun.ok) return say(begun.reason, { isError: true })
  return present(begun.id, await ports.workflows.outcomeOf(begun.id, answerMs))
}

async function showRun(
  ports: ApiPorts,
  principal: Principal,
  input: Json,
): Promise<CallToolResult> {
  const parsed = z.looseObject({ run: z.string() }).safeParse(input)
  const [run] = parsed.success ? await loadRuns(ports.sql, [parsed.data.run]) : []
  if (run === undefined) return say('there is no such run', { isError: true })
  const { project } = run.head
  const target = { kind: 'Workflow', project, name: workflowName(run.head) }
  const denied = await whyMayNot(ports, principal, 'read', target)
  if (denied !== null) return say(denied, { isError: true })
  return present(run.head.id, run.outcome === null ? null : JSON.parse(run.outcome))
}

function present(run: string, outcome: Outcome | null): CallToolResult {
  switch (outcome?.status) {
    case undefined:
      return say(`The run ${run} goes on; ask run_status for it later.`)
    case 'completed':
      return say(JSON.stringify(outcome.output))
    case 'faulted':
      return say(`The run ${run} failed: ${JSON.stringify(outcome.error)}`, { isError: true })
    case 'cancelled':
      return say(`The run ${run} was cancelled: ${outcome.reason}`, { isError: true })
  }
}

function say(text: string, more: { readonly isError?: boolean } = {}): CallToolResult {
  return { content: [{ type: 'text', text }], ...more }
}
