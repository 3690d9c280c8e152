// Read gateway file
//
// What a gateway alone serves: the Providers, Routes, Keys and Budgets of a file or folder.

import { checkNamed, type Declared, keyOf, parseResource, referencesOf } from '@tutti/core/kinds'
import { formatFinding, formatKey } from '@tutti/core/resource'
import { declaredSnapshot, type Snapshot } from '@tutti/core/routing'
import { Failure } from '../failure.ts'
import { readResources } from '../home/index.ts'

type WhyNot = (condition: string) => string | null

/** Throws `tutti/document-invalid` with all that is wrong with it. */
export function readGatewayFile(path: string, sequence: number, whyNoCondition: WhyNot): Snapshot {
  const problems: string[] = []
  const declared = readResources(path).flatMap(({ source, value }): Declared[] => {
    const parsed = parseResource(value, 'default')
    if (parsed.ok) return [parsed.resource]
    problems.push(...parsed.findings.map((finding) => `${source}: ${formatFinding(finding)}`))
    return []
  })
  if (problems.length > 0) throw new Failure('tutti/document-invalid', problems.join('\n'))
  const made = declaredSnapshot(declared, {
    ...{ secretOf, secretPlace, whyNoCondition, sequence, nowMs: Date.now() },
  })
  const dangling = danglingIn(declared)
  if (made.ok && dangling.length === 0) return made.snapshot
  const all = [...(made.ok ? [] : made.problems), ...dangling]
  throw new Failure('tutti/document-invalid', all.join('\n'))
}

/** What they name that the file has not; Secrets and Deployments no file has. */
function danglingIn(declared: readonly Declared[]): string[] {
  const all = new Map(declared.map((one) => [formatKey(keyOf(one)), one]))
  return declared.flatMap(({ kind, metadata: { project, name }, spec }) => {
    const named = referencesOf({ kind, spec }).filter(
      ({ kinds: [first] }) => first !== 'Secret' && first !== 'Deployment',
    )
    const namesOf = (of: string) =>
      declared
        .filter((one) => one.kind === of && one.metadata.project === project)
        .map((one) => one.metadata.name)
    const find = (of: string, called: string) =>
      all.get(formatKey({ kind: of, project, name: called }))
    const findings = checkNamed(named, { find, namesOf, where: '' })
    return findings.map((finding) => `${kind} ${name}: ${formatFinding(finding)}`)
  })
}

/** A Secret named openai-key is the environment's TUTTI_SECRET_OPENAI_KEY. */
function secretOf(_project: string, name: string): string | undefined {
  return process.env[secretPlace(name)]
}

function secretPlace(name: string): string {
  return `TUTTI_SECRET_${name.toUpperCase().replaceAll(/[^A-Z0-9]/g, '_')}`
}
