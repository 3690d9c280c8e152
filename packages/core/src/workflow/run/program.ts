// Program
//
// A document made ready to run: its expressions compiled, its names followed, its schemas read. What is wrong
// with any of them is said before the first run, not in the middle of it.

import type { Finding, Json } from '../../resource/index.ts'
import {
  checkRunProperties,
  parseWorkflow,
  type RunProperties,
  runPropertiesOf,
  type WorkflowDocument,
} from '../document/index.ts'
import { checkSchedule } from '../schedule/index.ts'
import { checkReferences } from './check-references.ts'
import { checkSchema } from './check-schema.ts'
import { Expressions } from './expressions.ts'
import { hearsLifecycle } from './hears-lifecycle.ts'

export interface Program {
  readonly document: WorkflowDocument
  /** As it was written. */
  readonly source: Json
  readonly expressions: Expressions
  /** What the document says of its runs beyond the specification. */
  readonly properties: RunProperties
  /** Whether its runs wait for events of other runs' lifecycles. */
  readonly hearsLifecycle: boolean
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
  const findings = [
    ...checkReferences(document, expressions),
    ...checkSchedule(document),
    ...checkRunProperties(document.document),
  ]
  if (findings.length > 0) return { ok: false, findings }
  const properties = runPropertiesOf(document.document)
  const made = { document, source, expressions, properties, checkSchema }
  return { ok: true, program: { ...made, hearsLifecycle: hearsLifecycle(source) } }
}
