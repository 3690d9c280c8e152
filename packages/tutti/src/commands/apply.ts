// tutti apply, delete, diff: declare what should be.

import { isDeepStrictEqual } from 'node:util'
import { type Declared, keyOf, needsOf, orderDeclared, parseResource } from '@tutti/core/kinds'
import { formatFinding, formatKey, kindOf, kinds } from '@tutti/core/resource'
import type { ChangeAnswer, Client } from '@tutti/sdk'
import type { Command } from 'commander'
import { stringify } from 'yaml'
import { Failure } from '../failure.ts'
import { clientOf, loadContext, print, printJson, readResources } from '../home/index.ts'
import { describeOutcome } from './describe-outcome.ts'
import { type SharedOptions, withExamples, withShared } from './shared-options.ts'

interface FileOptions extends SharedOptions {
  readonly filename: readonly string[]
}

const filenameOption = '-f, --filename <path...>'
const filenameHelp = 'files or folders, YAML or JSON; - reads standard input'

export function addApply(program: Command): void {
  const command = withShared(program.command('apply'))
    .description('apply resources from a file, a folder or standard input')
    .requiredOption(filenameOption, filenameHelp)
  withExamples(
    command,
    'tutti apply -f deployment.yaml',
    'tutti apply -f providers/ keys.yaml',
    'cat route.yaml | tutti apply -f -',
  )
  command.action(async (options: FileOptions) => {
    const client = clientOf(options)
    const results: ChangeAnswer[] = []
    const all = readDeclared(options)
    try {
      for (const declared of all) {
        const answer = await applyOne(client, declared, false)
        results.push(answer)
        if (options.json !== true) print(`${nameOf(declared)} ${describeOutcome(answer)}`)
      }
    } finally {
      // Where one is refused, those before it are there.
      if (options.json === true) printJson(results)
    }
    if (results.some(({ outcome }) => outcome === 'needs-approval')) process.exitCode = 3
  })
}

export function addDelete(program: Command): void {
  const command = withShared(program.command('delete'))
    .argument('[kind]', 'kind of the resource')
    .argument('[name]', 'its name')
    .option(filenameOption, 'delete what these files declare')
    .description('delete resources')
  withExamples(command, 'tutti delete deployment parts', 'tutti delete -f deployment.yaml')
  command.action(async (kind, name, options: SharedOptions & Partial<FileOptions>) => {
    if (kind !== undefined && options.filename !== undefined) {
      throw new Failure('tutti/argument-invalid', 'expected KIND NAME or -f FILE, got both')
    }
    const client = clientOf(options)
    const refs =
      options.filename === undefined
        ? [refOf(kind, name)]
        : refsOf({ ...options, filename: options.filename })
    const answers: ChangeAnswer[] = []
    try {
      for (const ref of refs) {
        const answer = await client.delete(ref)
        answers.push(answer)
        if (options.json !== true) print(`${ref.shown} ${describeOutcome(answer, 'deleted')}`)
      }
    } finally {
      if (options.json === true && options.filename !== undefined) printJson(answers)
    }
    if (options.json === true && options.filename === undefined) printJson(answers[0])
    if (answers.some(({ outcome }) => outcome === 'needs-approval')) process.exitCode = 3
  })
}

export function addDiff(program: Command): void {
  const command = withShared(program.command('diff'))
    .description('say what apply would do: the change, the verdict, who must approve, which nodes')
    .requiredOption(filenameOption, filenameHelp)
  withExamples(command, 'tutti diff -f deployment.yaml')
  command.action(async (options: FileOptions) => {
    const client = clientOf(options)
    const answers: (ChangeAnswer | Later)[] = []
    const missing = new Map<string, string>() // what would come into being: by key, as it is said
    for (const declared of readDeclared(options)) {
      const name = nameOf(declared)
      const needs = needsOf(declared).map((key) => missing.get(formatKey(key)))
      const after = needs.find((one) => one !== undefined)
      const answer: ChangeAnswer | Later =
        after === undefined
          ? await applyOne(client, declared, true)
          : { outcome: 'later', name, after }
      answers.push(answer)
      const isNew = answer.outcome === 'planned' && answer.action === 'create'
      if (isNew || answer.outcome === 'later') missing.set(formatKey(keyOf(declared)), name)
      if (options.json !== true) print(describePlan(declared, answer))
    }
    if (options.json === true) printJson(answers)
    if (answers.some(({ outcome }) => outcome !== 'unchanged')) process.exitCode = 1
  })
}

/** It names what comes into being before it: nobody can say yet what policies say of it. */
interface Later {
  readonly outcome: 'later'
  readonly name: string
  readonly after: string
}

/** What a file declares, in the order to declare it; all findings of all documents at once. */
function readDeclared(options: FileOptions): Declared[] {
  const { project } = loadContext(options)
  const findings: string[] = []
  const sources = new Map<string, string>() // where each was declared, by its key
  const declared = options.filename.flatMap(readResources).flatMap(({ source, value }) => {
    const parsed = parseResource(value, project)
    if (parsed.ok) {
      const key = formatKey(keyOf(parsed.resource))
      const other = sources.get(key)
      sources.set(key, source)
      const hint = `is declared twice, before in ${other}: leave one of them out`
      if (other !== undefined) findings.push(`${source}: ${nameOf(parsed.resource)} ${hint}`)
      return [parsed.resource]
    }
    findings.push(...parsed.findings.map((finding) => `${source}: ${formatFinding(finding)}`))
    return []
  })
  if (findings.length > 0) throw new Failure('tutti/document-invalid', findings.join('\n'))
  return orderDeclared(declared)
}

async function applyOne(
  client: Client,
  declared: Declared,
  dryRun: boolean,
): Promise<ChangeAnswer> {
  const { kind, metadata, spec } = declared
  const ref = { kind: kinds[kind].plural, name: metadata.name, project: metadata.project }
  const { project, ...rest } = metadata
  const document = {
    apiVersion: 'tutti/v1',
    kind,
    metadata: project === '' ? rest : metadata,
    spec,
  }
  return await client.apply(ref, document, { dryRun })
}

function refOf(kind: string | undefined, name: string | undefined) {
  const known = kindOf(kind ?? '')
  if (known === null || name === undefined) {
    const plurals = Object.values(kinds).map(({ plural }) => plural)
    const message = `expected KIND NAME or -f FILE; kinds are ${plurals.join(', ')}`
    throw new Failure('tutti/argument-invalid', message)
  }
  return { kind: kinds[known].plural, name, shown: `${known.toLowerCase()}/${name}` }
}

/** The last first: what is named, or holds what is declared in it, was declared before it. */
function refsOf(options: FileOptions) {
  const refs = readDeclared(options).map((declared) => ({
    ...{ kind: kinds[declared.kind].plural, name: declared.metadata.name },
    ...{ project: declared.metadata.project, shown: nameOf(declared) },
  }))
  return refs.reverse()
}

function nameOf({ kind, metadata }: Declared): string {
  return `${kind.toLowerCase()}/${metadata.name}`
}

function describePlan(declared: Declared, answer: ChangeAnswer | Later): string {
  if (answer.outcome === 'later') {
    return `${answer.name} would come after ${answer.after}: apply that, and ask again`
  }
  if (answer.outcome !== 'planned') return `${nameOf(declared)} ${describeOutcome(answer)}`
  const { before, action, verdict, impact } = answer
  const lines = [`${nameOf(declared)} would be ${action}d`]
  lines.push(...diffLines(before === null ? {} : specOf(before), { ...specLike(declared) }))
  if (verdict.kind === 'allow') lines.push('policy: allowed')
  else {
    const word = verdict.kind === 'deny' ? 'denied' : `needs ${verdict.approvals} approval(s)`
    lines.push(`policy: ${word}`)
    for (const { id, reason, fix } of verdict.denials)
      lines.push(`  ${id}: ${reason}. To pass: ${fix}`)
  }
  if (impact !== undefined) {
    const first = impact.canaries.join(', ') || 'none that is reachable'
    lines.push(`nodes: ${impact.nodes} selected; canaries first: ${first}`)
  }
  return lines.join('\n')
}

function specOf(resource: { readonly spec: unknown; readonly metadata: { labels: unknown } }) {
  return { labels: resource.metadata.labels, spec: resource.spec }
}

function specLike({ metadata, spec }: Declared) {
  return { labels: metadata.labels, spec }
}

/** Lines of both sides' YAML that the other side does not have, in order. */
function diffLines(before: unknown, after: unknown): string[] {
  if (isDeepStrictEqual(before, after)) return []
  const a = stringify(before).trimEnd().split('\n')
  const b = stringify(after).trimEnd().split('\n')
  return [
    ...a.filter((line) => line !== '{}' && !b.includes(line)).map((line) => `- ${line}`),
    ...b.filter((line) => !a.includes(line)).map((line) => `+ ${line}`),
  ]
}
