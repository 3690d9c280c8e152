// Wire
//
// A line to the database that counts an engine's writes, and ends it at one of them: it is cut, or the process ends by its
// own hand, before the write or after it.

import type { PerformPorts } from '@tutti/control-plane/workflow'

type Sql = PerformPorts['sql']

/** Where an engine ends: at which write, and whether that one still counts. */
export interface EndAt {
  readonly at: number
  readonly when: 'before' | 'after'
}

export class Wire {
  readonly sql: Sql
  /** Resolves when the line is cut. */
  readonly isCut: Promise<void>
  /** Lets what was held back through. */
  mend: () => void = () => {}
  writes = 0

  /** `end`: what happens at the write of `endAt`; without it the line is cut there. */
  constructor(
    sql: Sql,
    parts: {
      readonly endAt: EndAt | null
      readonly end?: () => void
      readonly afterWrite: () => Promise<void>
    },
  ) {
    const { endAt, end = () => {}, afterWrite } = parts
    const mended = new Promise<void>((resolve) => {
      this.mend = resolve
    })
    let cut = () => {}
    this.isCut = new Promise((resolve) => {
      cut = resolve
    })
    const write = async (...query: Parameters<Sql['unsafe']>) => {
      this.writes += 1
      const isHere = endAt !== null && this.writes >= endAt.at
      const isLast = isHere && this.writes === endAt.at && endAt.when === 'after'
      if (isHere && !isLast) end()
      const rows = !isHere || isLast ? await sql.unsafe(...query) : null
      if (isHere) {
        end()
        cut()
        await mended
        return rows ?? (await sql.unsafe(...query))
      }
      await afterWrite()
      return rows
    }
    this.sql = new Proxy(sql, {
      get: (of, name) => (name === 'unsafe' ? write : Reflect.get(of, name)),
    })
  }
}
