// Question context
//
// The volatile facts about a change that policies may ask for: who approved it, which environment it
// touches, whether a trusted publisher signed the model.

import { checkSignedFiles, deploymentSpec, type ModelSpec, modelSpec } from '@tutti/core/fleet'
import { projectSpec } from '@tutti/core/governance'
import { workflowSpec } from '@tutti/core/workflow'
import { verifyModelSignature } from '@tutti/ledger'
import { type Blobs, loadResource, type Sql } from '../store/index.ts'
import { planContext } from './plan-context.ts'
import type { PlannedChange } from './planned-change.ts'
import { emptyContext, type QuestionContext } from './policy-engine.ts'

type SignatureFact = QuestionContext['signature']

/** The context of one planned change. */
export async function questionContext(
  ports: { readonly sql: Sql; readonly blobs: Blobs; readonly nowMs: () => number },
  { key, before, write }: PlannedChange,
  approvals: readonly { readonly approver: string }[],
): Promise<QuestionContext> {
  const approvers = [...new Set(approvals.map(({ approver }) => approver))]
  const context = { ...emptyContext, approvals: approvers.length, approvers }
  if (key.kind === 'Model' && write.spec !== null) {
    const signature = await signatureOf(ports, key.project, modelSpec.parse(write.spec))
    return { ...context, signature }
  }
  if (key.kind === 'Workflow' && write.spec !== null) {
    return { ...context, plan: planContext(workflowSpec.parse(write.spec).document) }
  }
  if (key.kind !== 'Deployment') return context
  const held = before === null ? null : deploymentSpec.parse(before.spec)
  const next = write.spec === null ? held : deploymentSpec.parse(write.spec)
  // A change touches production where either side of it is production.
  const environments = [held?.environment, next?.environment]
  const environment = environments.includes('production') ? 'production' : (next?.environment ?? '')
  const modelKey = { kind: 'Model', project: key.project, name: next?.model ?? '' }
  const model = await loadResource(ports.sql, modelKey)
  const signature =
    model === null
      ? { verified: false, reason: `there is no Model ${modelKey.name}` }
      : await signatureOf(ports, key.project, modelSpec.parse(model.spec))
  return { ...context, environment, signature }
}

/** Did one of the project's publishers sign every file of this model? */
export async function signatureOf(
  ports: { readonly sql: Sql; readonly blobs: Blobs; readonly nowMs: () => number },
  project: string,
  model: ModelSpec,
): Promise<SignatureFact> {
  if (model.signature === undefined) return { verified: false, reason: 'the model is not signed' }
  const resource = await loadResource(ports.sql, { kind: 'Project', project: '', name: project })
  const { publishers } = projectSpec.parse(resource?.spec ?? {})
  const bundle = await ports.blobs.read(model.signature.digest)
  const result = verifyModelSignature(bundle, {
    publishers: publishers.map(({ pem }) => pem),
    nowMs: ports.nowMs(),
  })
  if (!result.ok) return { verified: false, reason: result.reason }
  const missing = checkSignedFiles(model, result.files)
  return missing === null ? { verified: true, reason: '' } : { verified: false, reason: missing }
}
