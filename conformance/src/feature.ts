// Feature
//
// Gherkin as far as conformance kits for workflows use it: scenarios of steps, each with a YAML text or none.

import { parse } from 'yaml'

export interface Step {
  readonly text: string
  /** The YAML below the step; undefined where there is none. */
  readonly value: unknown
}

export interface Scenario {
  readonly feature: string
  readonly name: string
  readonly steps: readonly Step[]
}

const keyword = /^(?:Given|When|Then|And|But|\*)\s+/

/** The scenarios of one feature file. */
export function parseFeature(text: string): readonly Scenario[] {
  const scenarios: { feature: string; name: string; steps: Step[] }[] = []
  let feature = ''
  const lines = text.split(/\r?\n/)
  for (let i = 0; i < lines.length; i++) {
    const line = (lines[i] ?? '').trim()
    const named = /^(Feature|Scenario):\s*(.*)$/.exec(line)
    if (named?.[1] === 'Feature') feature = named[2] ?? ''
    else if (named !== null) scenarios.push({ feature, name: named[2] ?? '', steps: [] })
    else if (keyword.test(line)) {
      const block = readBlock(lines, i + 1)
      i = block.next - 1
      const step = { text: line.replace(keyword, '').replace(/:$/, ''), value: block.value }
      scenarios.at(-1)?.steps.push(step)
    }
  }
  return scenarios
}

/** The text between `"""` lines that may follow a step. */
function readBlock(
  lines: readonly string[],
  start: number,
): { readonly value: unknown; readonly next: number } {
  const opening = /^(\s*)"""/.exec(lines[start] ?? '')
  if (opening === null) return { value: undefined, next: start }
  const end = lines.findIndex((line, i) => i > start && line.trim() === '"""')
  const indent = opening[1]?.length ?? 0
  const body = lines.slice(start + 1, end).map((line) => line.slice(indent))
  return { value: parse(body.join('\n')), next: end + 1 }
}
