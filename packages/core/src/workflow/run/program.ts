// Program
//
// A document made ready to run: its expressions compiled, its names followed, its schemas read. What is wrong
// with any of them is said before the first run, not in the middle of it.

import { z } from 'zod'
import type { Finding, Json } from '../../resource/index.ts'
import { parseWorkflow, type WorkflowDocument } from '../document/index.ts'
import { checkReferences } from './check-references.ts'
import { Expressions } from './expressions.ts'

export interface Program {
  readonly document: WorkflowDocument
  /** As it was written. */
  readonly source: Json
  readonly expressions: Expressions
  /** Null where the value fits; else what is wrong with it. */
  readonly checkSchema: (schema: Json, value: Json) => string | null
}

export type Preparation =
  | { readonly ok: true; readonly program: Program }
  | { readonly ok: false; readonly findings: readonly Finding[] }

/** Parses and checks a document of the Open Workflow Specification. */
export function prepareWorkflow(source: Json): Preparation {
  const parsed = parseWorkflow(source)
  if (!parsed.ok) return parsed
  const { document } = parsed
  const expressions = new Expressions()
  const findings = checkReferences(document, expressions)
  if (findings.length > 0) return { ok: false, findings }
  return { ok: true, program: { document, source, expressions, checkSchema: schemaChecker() } }
}

/** Reads each JSON Schema once. */
function schemaChecker(): Program['checkSchema'] {
  const read = new Map<Json, z.ZodType | string>() // as many as the document has schemas
  return (schema, value) => {
    const checker = read.get(schema) ?? readSchema(schema)
    read.set(schema, checker)
    if (typeof checker === 'string') return checker
    const parsed = checker.safeParse(value)
    if (parsed.success) return null
    return parsed.error.issues
      .map(({ path, message }) => [path.map(String).join('.'), message].filter(Boolean).join(': '))
      .join('; ')
  }
}

/** Null where the value fits the JSON Schema; else what is wrong with it. */
export function checkSchema(schema: Json, value: Json): string | null {
  return schemaChecker()(schema, value)
}

/** The schema, or why it cannot be read. */
function readSchema(schema: Json): z.ZodType | string {
  if (typeof schema !== 'object' || schema === null || Array.isArray(schema)) {
    return 'a schema is an object'
  }
  try {
    return z.fromJSONSchema({ ...schema })
  } catch (error) {
    return `the schema cannot be read: ${error instanceof Error ? error.message : String(error)}`
  }
}
