// Order declared
//
// In which order resources are declared that come together: what is named stands before what names it, so that nobody
// has to sort his files. Whatever else is left as it came.

import { formatKey, type ResourceKey } from '../resource/index.ts'
import type { Declared } from './parse-resource.ts'
import { referencesOf } from './references-of.ts'

export function orderDeclared(declared: readonly Declared[]): Declared[] {
  const byKey = new Map(declared.map((one) => [formatKey(keyOf(one)), one]))
  const ordered: Declared[] = []
  const visited = new Set<Declared>()
  const visit = (one: Declared): void => {
    // Of those that name each other one is refused, and says whom it misses.
    if (visited.has(one)) return
    visited.add(one)
    for (const key of needsOf(one)) {
      const needed = byKey.get(formatKey(key))
      if (needed !== undefined) visit(needed)
    }
    ordered.push(one)
  }
  for (const one of declared) visit(one)
  return ordered
}

/** What has to be there when it is declared; of some that follow each other one is enough. */
export function needsOf(one: Declared): readonly ResourceKey[] {
  const { project } = one.metadata
  const named = referencesOf(one).flatMap(({ kinds, name }) =>
    kinds.map((kind) => ({ kind, project, name })),
  )
  return project === '' ? named : [{ kind: 'Project', project: '', name: project }, ...named]
}

/** What it is found by. */
export function keyOf({ kind, metadata: { project, name } }: Declared): ResourceKey {
  return { kind, project, name }
}
