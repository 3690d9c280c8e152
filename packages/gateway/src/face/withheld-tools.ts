// Withheld tools
//
// Tools that callers neither see nor call: said in the log and counted, once for each thing that a server says of a
// tool. Who runs the gateway hears of a server that has changed, or been changed, without asking for its list.
//
// Invariants:
//   Z1. The same is said once by a process, however often it is looked at; at most `knownMax` are remembered.

import { formatFamily } from '../telemetry/index.ts'

export interface WithheldTool {
  readonly project: string
  /** Name of the Provider. */
  readonly server: string
  readonly tool: string
  /** What withholds it; `scan`: it could not be looked through. */
  readonly by: 'pins' | 'guard' | 'scan'
  readonly why: string
  readonly digest: string
}

export interface WithheldPorts {
  readonly log: (event: string, fields: Readonly<Record<string, unknown>>) => void
}

const knownMax = 10_000 // some megabytes; a server that says something new each time is said again

export class WithheldTools {
  readonly #log: WithheldPorts['log']
  /** Written by `note`. */
  readonly #known = new Set<string>()
  /** By labels; written by `note`. */
  readonly #counts = new Map<string, number>()

  constructor({ log }: WithheldPorts) {
    this.#log = log
  }

  note(withheld: WithheldTool): void {
    const { project, server, tool, by, digest } = withheld
    const name = JSON.stringify([project, server, tool, by, digest])
    if (this.#known.has(name)) return // Z1
    if (this.#known.size >= knownMax) this.#known.clear()
    this.#known.add(name)
    const labels = `server="${project}/${server}",by="${by}"`
    const isNew = !this.#counts.has(labels)
    if (!isNew || this.#counts.size < knownMax) {
      this.#counts.set(labels, (this.#counts.get(labels) ?? 0) + 1)
    }
    this.#log('a tool is withheld', { ...withheld })
  }

  /** For Prometheus; nothing where all tools are shown. */
  format(): string {
    return formatFamily('tools_withheld_total', [...this.#counts])
  }
}
