// Node lookup
//
// Specs of nodes that have just said hello, several of one moment with one query: when a whole fleet comes
// back, a query each would cost more than all the rest of its welcome.

import { type NodeSpec, nodeSpec } from '@tutti/core/fleet'
import type { Sql } from '../store/index.ts'

const namesMax = 500 // of one query; the next one takes the others

type Waiting = { readonly resolve: (spec: NodeSpec | null) => void } & {
  readonly reject: (error: unknown) => void
}

/** The spec of a Node resource as the store has it now, or null where there is none. */
export function openNodeLookup(sql: Sql): (name: string) => Promise<NodeSpec | null> {
  let asked = new Map<string, Waiting[]>() // by name; `look` takes it and leaves a new one

  const look = async () => {
    if (asked.size === 0) return // the query before took them along
    const some = asked
    asked = new Map()
    try {
      const rows = await sql<{ name: string; spec: unknown }[]>`
        select name, spec from resource
        where kind = 'Node' and project = '' and not deleted and name = any(${[...some.keys()]})`
      const specs = new Map(rows.map(({ name, spec }) => [name, nodeSpec.parse(spec)]))
      for (const [name, waiting] of some) {
        for (const { resolve } of waiting) resolve(specs.get(name) ?? null)
      }
    } catch (error) {
      for (const waiting of some.values()) for (const { reject } of waiting) reject(error)
    }
  }

  return (name) =>
    new Promise((resolve, reject) => {
      if (asked.size === 0) setImmediate(() => void look())
      if (asked.size >= namesMax) void look()
      const waiting = asked.get(name)
      if (waiting === undefined) asked.set(name, [{ resolve, reject }])
      else waiting.push({ resolve, reject })
    })
}
