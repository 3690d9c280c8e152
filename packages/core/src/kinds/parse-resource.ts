// Parse resource
//
// The first step of every change: is this document a resource of a kind that we know, with fields that
// the kind has? Every finding says where, what was expected and what came, and names the nearest word for
// one that is not known.

import {
  apiVersion,
  type DeclaredMetadata,
  declaredMetadata,
  type Finding,
  type Kind,
  kindNames,
  kindOf,
  kinds,
  nearest,
} from '../resource/index.ts'
import { findingsOf, isObject, unknownField } from './findings-of.ts'
import { show } from './say-issue.ts'
import { specs } from './specs.ts'

/** A resource as somebody declared it: valid, with defaults filled in. */
export interface Declared {
  readonly kind: Kind
  readonly metadata: DeclaredMetadata & { readonly project: string }
  readonly spec: unknown
}

export type ParsedResource =
  | { readonly ok: true; readonly resource: Declared }
  | { readonly ok: false; readonly findings: readonly Finding[] }

const envelopeKeys = ['apiVersion', 'kind', 'metadata', 'spec', 'status']

/** Parses one document; `project` is used where the document names none. */
export function parseResource(document: unknown, project = 'default'): ParsedResource {
  if (!isObject(document)) {
    return refuse('', `expected a resource (an object), got ${typeName(document)}`)
  }
  const unwritten = unwrittenAt(document, '')
  if (unwritten !== null) return refuse(unwritten, 'expected text without NUL or half a surrogate')
  const stray = Object.keys(document).find((key) => !envelopeKeys.includes(key))
  if (stray !== undefined) return refuse(stray, unknownField(stray, envelopeKeys))
  if (document['apiVersion'] !== apiVersion) {
    return refuse('apiVersion', `expected ${apiVersion}, got ${show(document['apiVersion'])}`)
  }
  const kindWord = document['kind']
  const kind =
    typeof kindWord === 'string' ? kindNames.find((name) => name === kindWord) : undefined
  if (kind === undefined) return refuse('kind', unknownKind(kindWord))
  const metadata = declaredMetadata.safeParse(document['metadata'] ?? {}, { reportInput: true })
  const spec = specs[kind].safeParse(document['spec'] ?? {}, { reportInput: true })
  if (!metadata.success || !spec.success) {
    const findings = [
      ...(metadata.success ? [] : findingsOf(metadata.error, 'metadata', declaredMetadata)),
      ...(spec.success ? [] : findingsOf(spec.error, 'spec', specs[kind])),
    ]
    return { ok: false, findings }
  }
  const isCluster = kinds[kind].scope === 'cluster'
  const { project: named = '' } = metadata.data
  if (isCluster && named !== '') {
    return refuse('metadata.project', `${kind} belongs to no project: leave it out`)
  }
  const inProject = isCluster ? '' : named || project
  return {
    ok: true,
    resource: { kind, metadata: { ...metadata.data, project: inProject }, spec: spec.data },
  }
}

/** Where a text stands that is no Unicode or that Postgres cannot hold; null where none does. */
function unwrittenAt(value: unknown, path: string): string | null {
  if (typeof value === 'string') return /[\0\p{Surrogate}]/u.test(value) ? path : null
  if (typeof value !== 'object' || value === null) return null
  for (const [key, member] of Object.entries(value)) {
    const at = path === '' ? key : `${path}.${key}`
    const found = unwrittenAt(key, at) ?? unwrittenAt(member, at)
    if (found !== null) return found
  }
  return null
}

function unknownKind(word: unknown): string {
  const list = kindNames.join(', ')
  if (typeof word !== 'string') return `expected one of ${list}, got ${show(word)}`
  const near = kindOf(word) ?? nearest(word, kindNames)
  return near === null
    ? `unknown kind ${word}: expected one of ${list}`
    : `unknown kind ${word}: did you mean ${near}?`
}

function refuse(path: string, message: string): ParsedResource {
  return { ok: false, findings: [{ path, message }] }
}

function typeName(value: unknown): string {
  if (value === null) return 'nothing'
  return Array.isArray(value) ? 'a list' : `a ${typeof value}`
}
