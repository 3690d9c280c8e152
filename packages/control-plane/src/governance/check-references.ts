// Check references
//
// What a schema cannot see: whether what a declared resource names is there, and whether the declarer may
// write what the kind keeps for itself.

import { type ModelSpec, modelSpec, nodeSpec, rolloutResourceSpec } from '@tutti/core/fleet'
import { policySpec } from '@tutti/core/governance'
import { checkNamed, type Declared, type Reference, referencesOf } from '@tutti/core/kinds'
import { canonicalJson, type Finding, type Kind, kinds, type Resource } from '@tutti/core/resource'
import { checkRoute, keySpec, routeSpec } from '@tutti/core/routing'
import { checkRunnable, prepareWorkflow, workflowName, workflowSpec } from '@tutti/core/workflow'
import { type Blobs, isGranted, listResources, loadResources, type Sql } from '../store/index.ts'
import { checkPolicy, type Principal } from './policy-engine.ts'
import { whyNoCondition } from './why-no-condition.ts'

export interface ReferencePorts {
  readonly sql: Sql
  readonly blobs: Blobs
}

export interface Candidate {
  readonly declared: Declared
  readonly before: Resource | null
  readonly principal: Principal
}

/** Findings; empty where every reference holds. */
export async function checkReferences(
  ports: ReferencePorts,
  candidate: Candidate,
): Promise<Finding[]> {
  const { declared } = candidate
  const findings = [...(await checkProject(ports, declared)), ...checkOwnership(candidate)]
  if (findings.length > 0) return findings
  switch (declared.kind) {
    case 'Model':
      return await checkModel(ports, declared)
    case 'Budget':
    case 'Deployment':
    case 'Provider':
      return await checkAllNamed(ports.sql, declared)
    case 'Policy':
      return checkPolicy(declared.metadata.name, policySpec.parse(declared.spec))
    case 'Route':
      return [
        ...checkRoute(routeSpec.parse(declared.spec), whyNoCondition),
        ...(await checkAllNamed(ports.sql, declared)),
      ]
    case 'Key':
      return [
        ...(await checkKey(ports.sql, declared)),
        ...(await checkAllNamed(ports.sql, declared)),
      ]
    case 'Workflow':
      return checkWorkflow(declared)
    default:
      return []
  }
}

/** A document's resource is found by the document's own name. */
function checkWorkflow({ metadata, spec }: Declared): Finding[] {
  const prepared = prepareWorkflow(workflowSpec.parse(spec).document)
  if (!prepared.ok) return []
  const { program } = prepared
  const wanted = workflowName(program.document.document)
  if (wanted !== metadata.name) {
    return [{ path: 'metadata.name', message: `the document is ${wanted}: name the resource so` }]
  }
  return checkRunnable(program).map(({ path, message }) => ({
    path: `spec.document.${path}`,
    message,
  }))
}

async function checkProject({ sql }: ReferencePorts, { metadata }: Declared): Promise<Finding[]> {
  if (metadata.project === '') return []
  const project: Reference = {
    path: 'metadata.project',
    kinds: ['Project'],
    name: metadata.project,
  }
  return await checkThere(sql, [project], '')
}

/** Kinds that automation makes: people may change only what is theirs in them. */
function checkOwnership({ declared, before, principal }: Candidate): Finding[] {
  const { kind } = declared
  const { declaredBy, immutable } = kinds[kind]
  if (immutable && before !== null && canonicalJson(before.spec) !== canonicalJson(declared.spec)) {
    const hints = { Model: 'push it under', Workflow: 'give its document' } as const
    const hint =
      kind === 'Model' || kind === 'Workflow' ? `${hints[kind]} another version` : 'make a new one'
    return [{ path: 'spec', message: `a ${kind} never changes once it is there: ${hint}` }]
  }
  if (declaredBy === 'people' || principal.type === 'Automation') return []
  if (before === null) {
    const how =
      kind === 'Node' ? 'run `tutti join` on the machine' : 'it comes into being by itself'
    return [{ path: 'kind', message: `a ${kind} is not declared: ${how}` }]
  }
  if (kind === 'Node') {
    const held = nodeSpec.parse(before.spec).publicKey
    return nodeSpec.parse(declared.spec).publicKey === held
      ? []
      : [{ path: 'spec.publicKey', message: `a node keeps the key it joined with, ${held}` }]
  }
  if (kind === 'Rollout') {
    const paused = rolloutResourceSpec.parse(declared.spec).paused
    const allowed = { ...rolloutResourceSpec.parse(before.spec), paused }
    return canonicalJson(allowed) === canonicalJson(declared.spec)
      ? []
      : [{ path: 'spec', message: 'only `paused` of a Rollout can be changed' }]
  }
  return [{ path: 'spec', message: `a ${kind} is changed by its own verbs only` }]
}

async function checkModel(
  { sql, blobs }: ReferencePorts,
  { metadata, spec }: Declared,
): Promise<Finding[]> {
  const model = modelSpec.parse(spec)
  const findings: Finding[] = []
  const name = `${model.model}:${model.version}`
  if (metadata.name !== name) {
    findings.push({ path: 'metadata.name', message: `expected ${name}, got ${metadata.name}` })
  }
  for (const file of filesOf(model)) {
    const grant = { digest: file.digest, project: metadata.project }
    const size = (await isGranted(sql, grant)) ? await blobs.size(file.digest) : null
    if (size === null) {
      const hint = 'upload it first (tutti model push does)'
      const message = `${file.digest} is not in the project’s store: ${hint}`
      findings.push({ path: file.path, message })
    } else if (size !== file.sizeBytes) {
      findings.push({
        path: file.path,
        message: `the stored file has ${size} bytes, expected ${file.sizeBytes}`,
      })
    }
  }
  for (const [i, { golden, files }] of model.variants.entries()) {
    if (golden !== undefined && !files.some((file) => file.path === golden)) {
      const message = `${golden} is not among the variant's files`
      findings.push({ path: `spec.variants.${i}.golden`, message })
    }
  }
  return findings
}

/** Every blob that a model needs, its signature included. */
export function filesOf(model: ModelSpec): { path: string; digest: string; sizeBytes: number }[] {
  const files = model.variants.flatMap((variant) => variant.files)
  return model.signature === undefined
    ? files
    : [...files, { path: 'signature', ...model.signature }]
}

async function checkAllNamed(sql: Sql, declared: Declared): Promise<Finding[]> {
  return await checkThere(sql, referencesOf(declared), declared.metadata.project)
}

const namesMax = 1_000 // of a kind, for one that is nearly right

async function checkThere(
  sql: Sql,
  references: readonly Reference[],
  project: string,
): Promise<Finding[]> {
  const keys = references.flatMap(({ kinds, name }) =>
    kinds.map((kind) => ({ kind, project, name })),
  )
  const held = await loadResources(sql, keys)
  const there = new Map(held.map((one) => [`${one.kind}/${one.metadata.name}`, one]))
  const find = (kind: Kind, name: string) => there.get(`${kind}/${name}`)
  const missing = references.filter(({ kinds, name }) => !kinds.some((kind) => find(kind, name)))
  const names = new Map<Kind, readonly string[]>()
  for (const kind of new Set(missing.flatMap((reference) => reference.kinds))) {
    const others = await listResources(sql, { kind, project, limit: namesMax })
    names.set(
      kind,
      others.map(({ metadata }) => metadata.name),
    )
  }
  const where = project === '' ? '' : ` in project ${project}`
  return checkNamed(references, { find, namesOf: (kind) => names.get(kind) ?? [], where })
}

/** A secret names one key: who has it must be told apart. */
async function checkKey(sql: Sql, { metadata, spec }: Declared): Promise<Finding[]> {
  const { project, name } = metadata
  const others = await sql`
    select 1 from resource
    where kind = 'Key' and not deleted and spec ->> 'hash' = ${keySpec.parse(spec).hash}
      and (project, name) <> (${project}, ${name})`
  if (others.length === 0) return []
  return [{ path: 'spec.hash', message: 'another key has this secret already: make a new one' }]
}
