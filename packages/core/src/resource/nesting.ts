// Nesting
//
// How deep a document may be. What goes through one calls itself for each level, and has room for some thousand; what
// people write has twenty. A list of its own instead of calls: this one is to have room for any.

/** Levels of objects and lists in a document; a resource has some around it. */
export const levelsMax = 150

/** Where a document is nested deeper than that; null where it is not. */
export function whereTooDeep(document: unknown): string | null {
  const open: { readonly value: unknown; readonly path: string; readonly level: number }[] = [
    { value: document, path: '', level: 1 },
  ]
  for (let one = open.pop(); one !== undefined; one = open.pop()) {
    const { value, path, level } = one
    if (typeof value !== 'object' || value === null) continue
    if (level > levelsMax) return path
    for (const [key, member] of Object.entries(value)) {
      if (typeof member !== 'object' || member === null) continue
      open.push({ value: member, path: pathOf(path, key), level: level + 1 })
    }
  }
  return null
}

const pathMax = 60 // characters: where it begins is enough

function pathOf(path: string, key: string): string {
  if (path.endsWith('…')) return path
  const at = path === '' ? key : `${path}.${key}`
  return at.length > pathMax ? `${at.slice(0, pathMax)}…` : at
}
