// Workflow
//
// A document of the Open Workflow Specification as a resource. A resource is one version and never changes: what a
// run began with it goes on with.

import { z } from 'zod'
import { prepareWorkflow } from './run/index.ts'

export const workflowSpec = z.strictObject({
  /** The document, as it was written. */
  document: z.json().superRefine((document, context) => {
    const prepared = prepareWorkflow(document)
    if (prepared.ok) return
    for (const { path, message } of prepared.findings) {
      context.addIssue({ code: 'custom', message, path: path === '' ? [] : path.split('.') })
    }
  }),
})
export type WorkflowSpec = z.infer<typeof workflowSpec>

/** The name of the resource that holds a version: `orders.refund:1.0.0`. */
export function workflowName(of: {
  readonly namespace: string
  readonly name: string
  readonly version: string
}): string {
  return `${of.namespace}.${of.name}:${of.version}`
}
