// Workflow tasks
//
// What waits for a person: the list, and the answer. A task with a role is answered by who has it; the answer must fit
// the task's form, and stands in the run's journal with who gave it and when.

import { canonicalJson, type Json, signingPrefix } from '@tutti/core/resource'
import {
  type AnswerStatement,
  checkSchema,
  type SignedAnswer,
  signedAnswer,
  whyNotSaid,
} from '@tutti/core/workflow'
import { verifyText } from '@tutti/ledger'
import type { Context, Hono } from 'hono'
import { z } from 'zod'
import { formatPrincipal } from '../governance/index.ts'
import { sha256 } from '../store/index.ts'
import { sendSignal } from '../workflow/index.ts'
import { refuse } from './answer.ts'
import { whyMayNot } from './authorize.ts'
import type { ApiPorts, Env } from './ports.ts'
import { readJson } from './resources.ts'
import { findRun } from './workflow-runs.ts'

const tasksMax = 500 // in one answer, the oldest first
const answerBody = z.strictObject({
  key: z.string(),
  answer: z.json(),
  signed: signedAnswer.optional(),
})
const taskBody = z.looseObject({ form: z.json().optional(), signed: z.json().optional() })

export function mountTasks(app: Hono<Env>, ports: ApiPorts): void {
  app.get('/api/v1/tasks', (context) => list(context, ports))
  app.post('/api/v1/runs/:id/answer', (context) => answer(context, ports))
}

interface TaskRow {
  readonly run: string
  readonly key: string
  readonly subject: string
  readonly body: string
  readonly since_ms: number
}

async function list(context: Context<Env>, ports: ApiPorts): Promise<Response> {
  const project = context.req.query('project') ?? 'default'
  const target = { kind: 'Workflow', project, name: '', labels: {} }
  const denied = await whyMayNot(ports, context.get('caller').principal, 'read', target)
  if (denied !== null) return refuse(context, 'api/forbidden', denied)
  const rows = await ports.sql<TaskRow[]>`
    select run, key, subject, body, since_ms from workflow_waiting
    where kind = 'answer' and project = ${project} order by since_ms, run, key limit ${tasksMax}`
  const items = rows.map(({ run, key, subject, body, since_ms }) => {
    const task: Json = JSON.parse(body)
    return { run, key, role: subject === '' ? null : subject, sinceMs: since_ms, task }
  })
  return context.json({ items })
}

async function answer(context: Context<Env>, ports: ApiPorts): Promise<Response> {
  const run = await findRun(context, ports)
  if (run instanceof Response) return run
  const body = await readJson(context)
  const parsed = answerBody.safeParse(body.ok ? body.value : null)
  if (!parsed.success) return refuse(context, 'api/invalid', 'expected {key, answer}')
  const { key, answer: given, signed } = parsed.data
  const { id } = run.head
  const [task] = await ports.sql<TaskRow[]>`
    select run, key, subject, body, since_ms from workflow_waiting
    where run = ${id} and key = ${key} and kind = 'answer'`
  if (task === undefined) {
    return refuse(context, 'api/not-found', `nobody waits for an answer at ${key} of run ${id}`)
  }
  const { principal } = context.get('caller')
  const mayAnswer =
    task.subject === '' || [task.subject, 'admin'].some((role) => principal.roles.includes(role))
  if (!mayAnswer) {
    return refuse(context, 'api/forbidden', `this is for the role ${task.subject}`)
  }
  const asked = taskBody.parse(JSON.parse(task.body))
  const wrong = asked.form === undefined ? null : checkSchema(asked.form, given)
  if (wrong !== null) return refuse(context, 'api/invalid', `the answer does not fit: ${wrong}`)
  const about = { run: id, key, body: task.body, answer: given, by: formatPrincipal(principal) }
  const refusal = whyNotSigned(context.get('caller').approvalKey, signed, about)
  if (refusal !== null && (signed !== undefined || asked.signed === true)) {
    return refuse(context, 'api/invalid', refusal)
  }
  const { approvalKey } = context.get('caller')
  const proof = signed === undefined ? {} : { signed: { ...signed, key: approvalKey ?? null } }
  const output = { answer: given, by: principal.id, atMs: ports.nowMs(), ...proof }
  await sendSignal(ports.sql, id, { kind: 'completed', key, output })
  return context.json({ run: id, key }, 202)
}

/** Null where the caller has signed just this answer to just this task. */
function whyNotSigned(
  approvalKey: string | undefined,
  signed: SignedAnswer | undefined,
  about: Pick<AnswerStatement, 'run' | 'key' | 'answer' | 'by'> & { readonly body: string },
): string | null {
  if (signed === undefined) return 'the answer must be signed: tutti workflow answer signs it'
  if (approvalKey === undefined) {
    return 'your key has no approvalKey: add the did:key that signs to its spec'
  }
  const { statement: text, signature } = signed
  if (!verifyText(approvalKey, signingPrefix.answer, { text, signature })) {
    return `the answer is not signed by ${approvalKey}`
  }
  const { body, ...said } = about
  const asked = sha256(canonicalJson(JSON.parse(body)))
  return whyNotSaid(text, { format: 'tutti/answer/v1', asked, ...said })
}
