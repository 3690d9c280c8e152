// Open calls
//
// Calls of tools that no result has come for yet, found by what a result says of its call: the id that the caller gave
// it, or the name of the tool, of which the oldest call is meant.

export interface OpenCall {
  readonly id: string
  readonly name: string
  /** Whether the caller gave it its id. */
  readonly isNamed: boolean
}

interface Waiting extends OpenCall {
  /** Written by `take`: it waits in several lines. */
  isOver: boolean
}

/** Oldest first; those that are over are passed over for good. */
interface Line {
  readonly calls: Waiting[]
  at: number
}

export class OpenCalls {
  readonly #byId = new Map<string, Line>()
  readonly #byName = new Map<string, Line>()
  readonly #unnamed = new Map<string, Line>()

  add(call: OpenCall): void {
    const waiting = { ...call, isOver: false }
    join(this.#byName, call.name, waiting)
    if (call.isNamed) join(this.#byId, call.id, waiting)
    else join(this.#unnamed, call.name, waiting)
  }

  /** Some clients name a result whose call came without an id; null where no call waits for it. */
  take(id: string | undefined, name: string): OpenCall | null {
    const call =
      id === undefined
        ? first(this.#byName.get(name))
        : (first(this.#byId.get(id)) ?? first(this.#unnamed.get(name)))
    if (call === null) return null
    call.isOver = true
    return call
  }
}

function join(lines: Map<string, Line>, name: string, call: Waiting): void {
  const line = lines.get(name) ?? { calls: [], at: 0 }
  lines.set(name, line)
  line.calls.push(call)
}

function first(line: Line | undefined): Waiting | null {
  if (line === undefined) return null
  while (line.calls[line.at]?.isOver === true) line.at += 1
  return line.calls[line.at] ?? null
}
