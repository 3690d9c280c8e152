// Run task
//
// Runs a workflow, or a process: a container, a script, a shell command. Processes run on nodes that allow
// them by policy, never in the control plane.

import { z } from 'zod'
import { duration } from './duration.ts'
import { externalResource } from './resource.ts'
import { taskBase } from './task-base.ts'

const record = z.record(z.string(), z.json())
const words = z.array(z.string()).optional()

const container = z.strictObject({
  image: z.string(),
  name: z.string().optional(),
  command: z.string().optional(),
  ports: record.optional(),
  volumes: record.optional(),
  environment: record.optional(),
  stdin: z.string().optional(),
  arguments: words,
  lifetime: z
    .strictObject({
      cleanup: z.enum(['always', 'never', 'eventually']),
      after: duration.optional(),
    })
    .refine(
      ({ cleanup, after }) => (cleanup === 'eventually') === (after !== undefined),
      'after belongs to cleanup eventually',
    )
    .optional(),
  pullPolicy: z.enum(['ifNotPresent', 'always', 'never']).optional(),
})
const script = z
  .strictObject({
    language: z.string(),
    code: z.string().optional(),
    source: externalResource.optional(),
    stdin: z.string().optional(),
    arguments: words,
    environment: record.optional(),
  })
  .refine(({ code, source }) => (code === undefined) !== (source === undefined), 'code or source')
const shell = z.strictObject({
  command: z.string(),
  stdin: z.string().optional(),
  arguments: words,
  environment: record.optional(),
})
const workflow = z.strictObject({
  namespace: z.string(),
  name: z.string(),
  version: z.string(),
  input: record.optional(),
})
const common = {
  await: z.boolean().default(true),
  return: z.enum(['stdout', 'stderr', 'code', 'all', 'none']).default('stdout'),
}

export const runTask = z.strictObject({
  ...taskBase,
  run: z
    .strictObject({
      ...common,
      container: container.optional(),
      script: script.optional(),
      shell: shell.optional(),
      workflow: workflow.optional(),
    })
    .refine(
      (value) =>
        [value.container, value.script, value.shell, value.workflow].filter(
          (one) => one !== undefined,
        ).length === 1,
      'one of container, script, shell, workflow',
    ),
})
