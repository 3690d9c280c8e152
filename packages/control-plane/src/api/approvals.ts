// Approvals
//
// `POST /api/v1/approvals/NAME/approve` with a signed statement, `…/reject` with a reason.

import { signedApproval } from '@tutti/core/governance'
import { findingsOf } from '@tutti/core/kinds'
import type { Context, Hono } from 'hono'
import { z } from 'zod'
import { approveChange, rejectChange } from '../governance/index.ts'
import { refuse, refuseFindings } from './answer.ts'
import type { ApiPorts, Env } from './ports.ts'
import { answerOutcome, readJson } from './resources.ts'

export function mountApprovals(app: Hono<Env>, ports: ApiPorts): void {
  app.post('/api/v1/approvals/:name/approve', (context) => approve(context, ports))
  app.post('/api/v1/approvals/:name/reject', (context) => reject(context, ports))
}

const oneLine = /^\P{Cc}*$/u // others read it in their terminals
const rejection = z.strictObject({
  reason: z.string().max(1_000).regex(oneLine, 'expected one line').default(''),
})

async function reject(context: Context<Env>, ports: ApiPorts): Promise<Response> {
  const body = await readJson(context)
  if (!body.ok) return refuse(context, 'api/invalid', body.reason)
  const parsed = rejection.safeParse(body.value)
  if (!parsed.success) return refuseFindings(context, findingsOf(parsed.error, '', rejection))
  const { principal } = context.get('caller')
  const name = context.req.param('name') ?? ''
  const project = context.req.query('project') ?? 'default'
  const asked = { principal, project, name, why: parsed.data.reason }
  const result = await rejectChange(ports.admission, asked)
  switch (result.outcome) {
    case 'not-found':
      return refuse(context, 'api/not-found', `there is no Approval ${name} in project ${project}`)
    case 'refused':
      return refuse(context, 'api/approval-refused', `not rejected: ${result.reason}`)
    case 'void':
      return context.json(result)
  }
}

async function approve(context: Context<Env>, ports: ApiPorts): Promise<Response> {
  const body = await readJson(context)
  if (!body.ok) return refuse(context, 'api/invalid', body.reason)
  const parsed = signedApproval.safeParse(body.value)
  if (!parsed.success) return refuseFindings(context, findingsOf(parsed.error, '', signedApproval))
  const { principal, approvalKey } = context.get('caller')
  const name = context.req.param('name') ?? ''
  const project = context.req.query('project') ?? 'default'
  const request = { approver: principal, approvalKey, project, name, signed: parsed.data }
  const result = await approveChange(ports.admission, request)
  switch (result.outcome) {
    case 'not-found':
      return refuse(context, 'api/not-found', `there is no Approval ${name} in project ${project}`)
    case 'refused':
      return refuse(context, 'api/approval-refused', `not approved: ${result.reason}`)
    case 'waiting':
      return context.json({
        outcome: 'waiting',
        approvals: result.approvals,
        needed: result.needed,
      })
    case 'applied':
      return await answerOutcome(context, ports, result.change)
  }
}
