// Usage
//
// `POST /api/v1/usage`: a gateway tells what requests used. `GET /api/v1/usage`: what they used and cost, by whom.

import { nearest } from '@tutti/core/resource'
import { answerOfUsage, parseUsageQuestion, refuseProjects, usageReport } from '@tutti/core/routing'
import type { Context, Hono } from 'hono'
import { sumUsage, takeUsage } from '../routing/index.ts'
import { everNamed, listResources, type Sql } from '../store/index.ts'
import { refuse } from './answer.ts'
import { type Fence, type Fenced, openFence, whyMayNot } from './authorize.ts'
import type { ApiPorts, Env } from './ports.ts'

export function mountUsage(app: Hono<Env>, ports: ApiPorts): void {
  app.post('/api/v1/usage', (context) => take(context, ports))
  app.get('/api/v1/usage', (context) => give(context, ports))
}

async function take(context: Context<Env>, ports: ApiPorts): Promise<Response> {
  const { principal } = context.get('caller')
  const allRoutes = { kind: 'Route', project: '', name: '' }
  const denied = await whyMayNot(ports, principal, 'serve', allRoutes)
  if (denied !== null) return refuse(context, 'api/forbidden', denied)
  const parsed = usageReport.safeParse(await context.req.json().catch(() => null))
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    return refuse(context, 'api/invalid', `${issue?.path.join('.')}: ${issue?.message}`)
  }
  await takeUsage(ports.sql, parsed.data, ports.nowMs())
  return context.json({ taken: parsed.data.sequence })
}

/** Who may read a Project may see what it used, also when it has been deleted. */
async function give(context: Context<Env>, ports: ApiPorts): Promise<Response> {
  const parsed = parseUsageQuestion(context.req.query(), ports.nowMs())
  if (!parsed.ok) return refuse(context, parsed.code, parsed.message)
  const { question } = parsed
  const fence = openFence(ports, context.get('caller').principal, 'Project')
  const name = question.project
  const asked = await everNamed(ports.sql, { kind: 'Project', name, limit: 10_000 })
  const projects: string[] = []
  for (const one of asked) if (await fence(one)) projects.push(one.name)
  if (name !== undefined && asked.length === 0 && (await fence(projectCalled(name)))) {
    return refuse(context, 'api/not-found', await whyNoProject(ports.sql, name, fence))
  }
  const outcome =
    projects.length === 0
      ? refuseProjects(question)
      : answerOfUsage(question, await sumUsage(ports.sql, question, projects))
  if (!outcome.ok) return refuse(context, outcome.code, outcome.message)
  return context.json(outcome.answer)
}

/** Whoever could not read it, were it there, is not told that it is not. */
function projectCalled(name: string): Fenced {
  return { project: '', name, labels: {} }
}

const namesMax = 1_000 // for one that is nearly right

async function whyNoProject(sql: Sql, name: string, mayRead: Fence): Promise<string> {
  const names: string[] = []
  for (const { metadata } of await listResources(sql, { ...allProjects, limit: namesMax })) {
    if (await mayRead(metadata)) names.push(metadata.name)
  }
  const near = nearest(name, names)
  return `there is no Project ${name}${near === null ? '' : `: did you mean ${near}?`}`
}

const allProjects = { kind: 'Project', project: '' } as const
