// Check named
//
// Whether what a resource names is there, and of the sort that it has to be.

import type { Kind } from '../resource/index.ts'
import { type Finding, nearest } from '../resource/index.ts'
import { providerSpec } from '../routing/index.ts'
import type { Reference } from './references-of.ts'

export interface NamedView {
  readonly find: (kind: Kind, name: string) => { readonly spec: unknown } | undefined
  /** What else there is of a kind, for a name that is nearly right. */
  readonly namesOf: (kind: Kind) => readonly string[]
  /** E.g. ` in project plant`. */
  readonly where: string
}

export function checkNamed(references: readonly Reference[], view: NamedView): Finding[] {
  return references.flatMap((reference) => {
    const { path, kinds, name, isForTools = false } = reference
    const there = kinds.flatMap((kind) => view.find(kind, name) ?? [])[0]
    if (there === undefined) return [{ path, message: whyNotThere(reference, view) }]
    if (!kinds.includes('Provider')) return []
    const isTools = providerSpec.safeParse(there.spec).data?.dialect === 'mcp'
    if (isTools === isForTools) return []
    // One of a Route answers as models do.
    const why = isTools ? 'a server of tools, which has no models' : 'no server of tools'
    return [{ path, message: `${name} is ${why}` }]
  })
}

function whyNotThere({ kinds, name }: Reference, { namesOf, where }: NamedView): string {
  const near = nearest(name, kinds.flatMap(namesOf))
  const hint = near === null ? '' : `: did you mean ${near}?`
  return `there is no ${kinds.join(' or ')} ${name}${where}${hint}`
}
