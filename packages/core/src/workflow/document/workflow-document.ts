// Workflow document
//
// A document of the Open Workflow Specification 1.0.3: what is done, what is reused, when it starts.

import { z } from 'zod'
import type { Finding } from '../../resource/index.ts'
import { duration } from './duration.ts'
import {
  authentication,
  catalog,
  errorDefinition,
  eventConsumption,
  input,
  output,
  retryPolicy,
  timeout,
} from './resource.ts'
import { saidIssues } from './said-issues.ts'
import { taskList, taskSchema } from './task.ts'

const whole = '(0|[1-9]\\d*)'
const label = `(?:${whole}|\\d*[a-zA-Z-][0-9a-zA-Z-]*)`
const words = '[0-9a-zA-Z-]+(?:\\.[0-9a-zA-Z-]+)*'
const preRelease = `(?:-${label}(?:\\.${label})*)?`
const semver = new RegExp(`^${whole}\\.${whole}\\.${whole}${preRelease}(?:\\+${words})?$`)
const version = z.string().regex(semver, 'a semantic version such as 1.0.0')
const name = z
  .string()
  .regex(/^[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?$/, 'letters, digits and -, at most 63')
const record = z.record(z.string(), z.json())

const extension = z.strictObject({
  extend: z.enum([
    'call',
    'composite',
    'emit',
    'for',
    'listen',
    'raise',
    'run',
    'set',
    'switch',
    'try',
    'wait',
    'all',
  ]),
  when: z.string().optional(),
  before: taskList.optional(),
  after: taskList.optional(),
})
export type Extension = z.infer<typeof extension>

const use = z.strictObject({
  authentications: z.record(z.string(), authentication).optional(),
  errors: z.record(z.string(), errorDefinition).optional(),
  extensions: z
    .array(
      z
        .record(z.string(), extension)
        .refine((value) => Object.keys(value).length === 1, 'one name and one extension'),
    )
    .optional(),
  functions: z.record(z.string(), taskSchema).optional(),
  retries: z.record(z.string(), retryPolicy).optional(),
  secrets: z.array(z.string()).optional(),
  timeouts: z.record(z.string(), timeout).optional(),
  catalogs: z.record(z.string(), catalog).optional(),
})

const schedule = z
  .strictObject({
    every: duration.optional(),
    cron: z.string().optional(),
    after: duration.optional(),
    on: eventConsumption.optional(),
    read: z.enum(['data', 'envelope', 'raw']).optional(),
  })
  .refine((value) => value.read === undefined || value.on !== undefined, 'read belongs to on')
export type Schedule = z.infer<typeof schedule>

export const workflowDocument = z.looseObject({
  document: z.strictObject({
    dsl: version,
    namespace: name,
    name,
    version,
    title: z.string().optional(),
    summary: z.string().optional(),
    tags: record.optional(),
    metadata: record.optional(),
  }),
  input: input.optional(),
  use: use.optional(),
  do: taskList,
  timeout: z.union([timeout, z.string()]).optional(),
  output: output.optional(),
  schedule: schedule.optional(),
  evaluate: z
    .strictObject({
      language: z.string().default('jq'),
      mode: z.enum(['strict', 'loose']).default('strict'),
    })
    .optional(),
})
export type WorkflowDocument = z.infer<typeof workflowDocument>

export type ParsedWorkflow =
  | { readonly ok: true; readonly document: WorkflowDocument }
  | { readonly ok: false; readonly findings: readonly Finding[] }

/** Parses a document; every finding names the path to its place. */
export function parseWorkflow(value: unknown): ParsedWorkflow {
  const parsed = workflowDocument.safeParse(value)
  if (parsed.success) return { ok: true, document: parsed.data }
  const findings = saidIssues(parsed.error.issues).map(({ path, message }) => ({
    path: path.map(String).join('.'),
    message: message.replace(/^Invalid input: /, ''),
  }))
  return { ok: false, findings }
}
