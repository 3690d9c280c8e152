// Read gateway file
//
// What a gateway alone serves: the Providers, Routes, Keys and Budgets of a file or folder.

import { type Declared, parseResource } from '@tutti/core/kinds'
import { formatFinding } from '@tutti/core/resource'
import { declaredSnapshot, type Snapshot } from '@tutti/core/routing'
import { Failure } from '../failure.ts'
import { readDocuments } from '../home/index.ts'

type WhyNot = (condition: string) => string | null

/** Throws `tutti/document-invalid` with all that is wrong with it. */
export function readGatewayFile(path: string, sequence: number, whyNoCondition: WhyNot): Snapshot {
  const problems: string[] = []
  const declared = readDocuments(path).flatMap(({ source, value }): Declared[] => {
    const parsed = parseResource(value, 'default')
    if (parsed.ok) return [parsed.resource]
    problems.push(...parsed.findings.map((finding) => `${source}: ${formatFinding(finding)}`))
    return []
  })
  if (problems.length > 0) throw new Failure('tutti/document-invalid', problems.join('\n'))
  const made = declaredSnapshot(declared, {
    ...{ secretOf, secretPlace, whyNoCondition, sequence, nowMs: Date.now() },
  })
  if (!made.ok) throw new Failure('tutti/document-invalid', made.problems.join('\n'))
  return made.snapshot
}

/** A Secret named openai-key is the environment's TUTTI_SECRET_OPENAI_KEY. */
function secretOf(_project: string, name: string): string | undefined {
  return process.env[secretPlace(name)]
}

function secretPlace(name: string): string {
  return `TUTTI_SECRET_${name.toUpperCase().replaceAll(/[^A-Z0-9]/g, '_')}`
}
