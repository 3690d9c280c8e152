// Feature
//
// Gherkin as far as conformance kits for workflows use it: scenarios and outlines, steps with a YAML
// text or none.

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
  const lines = withoutOutlines(text.split(/\r?\n/))
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

/** Every outline as the scenarios that its table of examples makes of it. */
function withoutOutlines(lines: readonly string[]): readonly string[] {
  const isStart = (line: string) => /^\s*Scenario( Outline)?:/.test(line)
  const parts: string[][] = [[]]
  for (const line of lines) {
    if (isStart(line)) parts.push([])
    parts.at(-1)?.push(line)
  }
  return parts.flatMap((part) =>
    /^\s*Scenario Outline:/.test(part[0] ?? '') ? outlined(part) : part,
  )
}

function outlined(lines: readonly string[]): readonly string[] {
  const at = lines.findIndex((line) => /^\s*Examples:/.test(line))
  const rows = lines
    .slice(at + 1)
    .filter((line) => line.trim().startsWith('|'))
    .map((line) => cellsOf(line))
  const [names = [], ...examples] = rows
  return examples.flatMap((cells) =>
    lines
      .slice(0, at)
      .map((line) =>
        names
          .reduce((text, name, i) => text.replaceAll(`<${name}>`, cells[i] ?? ''), line)
          .replace(/^(\s*)Scenario Outline:/, '$1Scenario:'),
      ),
  )
}

/** A bar or a backslash inside a cell stands behind a backslash. */
function cellsOf(row: string): readonly string[] {
  const cells = row.split(/(?<!\\)\|/).slice(1, -1)
  return cells.map((cell) => cell.trim().replace(/\\([\\|])/g, '$1'))
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
