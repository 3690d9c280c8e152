// Workflow error
//
// What a task raises, in the form of RFC 9457 that the specification asks for, its standard types, and
// whether a filter catches one.

import type { ErrorFilter } from '../document/index.ts'

export interface WorkflowError {
  readonly type: string
  readonly status: number
  readonly title?: string
  readonly detail?: string
  readonly instance?: string
}

const standard = {
  configuration: { status: 400, title: 'Configuration Error' },
  validation: { status: 400, title: 'Validation Error' },
  expression: { status: 400, title: 'Expression Error' },
  authentication: { status: 401, title: 'Authentication Error' },
  authorization: { status: 403, title: 'Authorization Error' },
  timeout: { status: 408, title: 'Timeout Error' },
  communication: { status: 500, title: 'Communication Error' },
  runtime: { status: 500, title: 'Runtime Error' },
} as const

export type ErrorKind = keyof typeof standard

const base = 'https://open-workflow-specification.org/dsl/errors/types/'

/** An error of a standard type. */
export function standardError(
  kind: ErrorKind,
  detail: string,
  more: { readonly status?: number; readonly instance?: string } = {},
): WorkflowError {
  return { type: `${base}${kind}`, ...standard[kind], detail, ...more }
}

/** True where every property that the filter names is the error's. */
export function catches(filter: ErrorFilter, error: WorkflowError): boolean {
  return Object.entries(filter).every(([name, wanted]) => {
    if (name === 'type') return typeName(String(wanted)) === typeName(error.type)
    return Object.entries(error).some(([key, value]) => key === name && value === wanted)
  })
}

// The specification moved and renamed its errors; documents use all of these forms.
const known =
  /^https:\/\/(?:[\w-]+\.)*(?:serverlessworkflow\.io|open-workflow-specification\.org)\//

/** One name for a standard type under any of its URIs; others are themselves. */
function typeName(type: string): string {
  const last = type.split('/').at(-1) ?? ''
  return known.test(type) && last in standard ? last : type
}

/** Thrown between the parts of the machine; a task's boundary turns it into the task's error. */
export class Fault extends Error {
  override readonly name = 'Fault'
  readonly error: WorkflowError

  constructor(error: WorkflowError) {
    super(error.detail ?? error.title ?? error.type)
    this.error = error
  }
}

export function fault(kind: ErrorKind, detail: string): never {
  throw new Fault(standardError(kind, detail))
}
