// Check runnable
//
// What a document asks for that this runtime does not do, or has no meaning here: said when it is declared, not in the middle of a run.
// It is no part of preparing a document: one that was declared before a rule goes on as it did.

import type { Finding } from '../../resource/index.ts'
import { nearest } from '../../resource/index.ts'
import type { TaskItem, TaskOf, WorkflowDocument } from '../document/index.ts'
import { checkAuthentication, checkEndpoints } from './check-authentication.ts'
import { checkAround, visitDocument } from './check-references.ts'
import { schemaElsewhere } from './check-schema.ts'
import { expressionIn } from './expressions.ts'
import { type ScriptLanguage, scriptLanguages } from './process-order.ts'
import type { Program } from './program.ts'

const aliases: Readonly<Record<string, ScriptLanguage>> = { js: 'javascript' }

/** The language that a script's name for it means; null where nodes run none such. */
export function scriptLanguageOf(name: string): ScriptLanguage | null {
  const wanted = name.toLowerCase()
  return scriptLanguages.find((known) => known === wanted) ?? aliases[wanted] ?? null
}

/** Why a node gives a container none of this; null where it does. */
export function whyNoContainer(wanted: {
  readonly ports?: unknown
  readonly volumes?: unknown
  readonly lifetime?: unknown
}): string | null {
  const { cleanup = 'always' } = { ...Object(wanted.lifetime) }
  if (wanted.ports !== undefined) {
    return 'ports: a container has no network, and nobody could reach it'
  }
  if (wanted.volumes !== undefined) {
    return 'volumes: a container gets no folders of the node: what it reads comes as its stdin'
  }
  return cleanup === 'always'
    ? null
    : `lifetime.cleanup: a container is removed when it has ended (always), not ${cleanup}`
}

export const stdioRefused =
  'an MCP server over stdio is a process, which no control plane runs: use http'

/** What channels of AsyncAPI are spoken over. */
const spoken = ['http', 'https', 'sse', 'ws', 'wss']

/** Whether a server is spoken to; what an expression gives is not known yet. */
export function isSpoken(protocol: string): boolean {
  return spoken.includes(protocol) || expressionIn(protocol) !== null
}

export function asyncapiRefused(protocol: string): string {
  return `AsyncAPI over ${protocol} is not spoken here: ${spoken.join(', ')} are`
}

export function scriptRefused(language: string): string {
  const known = [...scriptLanguages, ...Object.keys(aliases)].join(', ')
  return `nodes run no scripts in ${language}: expected one of ${known}`
}

export function checkRunnable({ document }: Program): readonly Finding[] {
  const findings: Finding[] = [
    ...unknownIn(document.document, ofDocument, 'document'),
    ...languageFindings(document),
    ...checkAround(document),
    ...schemaFindings(document, ['input', 'output'], ''),
  ]
  for (const [name, given] of Object.entries(document.use?.authentications ?? {})) {
    findings.push(...checkAuthentication(document, given, `use.authentications.${name}`))
  }
  visitDocument(document, {
    expression: (text, path) => findings.push(...expressionFindings(document, text, path)),
    task: (task, path) => {
      findings.push(...unknownIn(task, ofTask, path))
      findings.push(...schemaFindings(task, ['input', 'output', 'export'], `${path}.`))
      if (task.type === 'run') {
        findings.push(...runFindings(task, path))
        findings.push(...checkEndpoints(document, task.run.script, `${path}.run.script`))
      }
      if (task.type === 'call') {
        findings.push(...callFindings(document, task, path))
        findings.push(...checkEndpoints(document, task.with, `${path}.with`))
      }
    },
  })
  return findings
}

function languageFindings({ document, evaluate }: WorkflowDocument): Finding[] {
  const findings: Finding[] = []
  if (!document.dsl.startsWith('1.')) {
    const message = `version ${document.dsl} of the specification is not spoken here: 1 is`
    findings.push({ path: 'document.dsl', message })
  }
  if (evaluate !== undefined && evaluate.language !== 'jq') {
    const message = `expressions in ${evaluate.language} are not evaluated: jq is`
    findings.push({ path: 'evaluate.language', message })
  }
  if (evaluate?.mode === 'loose') {
    const message = 'only what stands in ${ } is an expression (strict): a text could be either'
    findings.push({ path: 'evaluate.mode', message })
  }
  return findings
}

/** Schemas that would be refused, or taken for others, when the first value comes. */
function schemaFindings(
  of: { readonly [member: string]: unknown },
  members: readonly string[],
  path: string,
): Finding[] {
  return members.flatMap((member): Finding[] => {
    const { schema } = { ...Object(of[member]) }
    if (schema === undefined) return []
    const at = `${path}${member}.schema`
    const { format = 'json' } = schema
    if (!/^json(:|$)/.test(format)) {
      return [{ path: `${at}.format`, message: `schemas in ${format} are not read: json is` }]
    }
    return 'document' in schema ? [] : [{ path: at, message: schemaElsewhere }]
  })
}

/** What an expression asks for that is never there. */
function expressionFindings({ use }: WorkflowDocument, text: string, path: string): Finding[] {
  const findings: Finding[] = []
  if (/\$authorization\b/.test(text)) {
    const message = '$authorization: no step sees what another one has authenticated with'
    findings.push({ path, message })
  }
  for (const [, plain, quoted] of text.matchAll(/\$secrets(?:\.([a-zA-Z_]\w*)|\.?\[?"([^"]+)")/g)) {
    const name = plain ?? quoted ?? ''
    if (use?.secrets?.includes(name) === true) continue
    findings.push({ path, message: `use.secrets does not name ${name}` })
  }
  return findings
}

const ofDocument = [
  ...['budget', 'queue', 'priority', 'concurrency', 'rate', 'partition', 'schedule'],
]
const ofTask = ['cache', 'artifact', 'asset', 'needs', 'undo']

/** What is under `metadata.tutti` is ours: what has no meaning there was meant otherwise. */
function unknownIn(
  { metadata }: { readonly metadata?: TaskItem['task']['metadata'] },
  known: readonly string[],
  path: string,
): Finding[] {
  return Object.keys({ ...Object(metadata?.['tutti']) }).flatMap((name) => {
    if (known.includes(name)) return []
    const elsewhere = known === ofTask ? ofDocument : ofTask
    const where = known === ofTask ? 'of the document, not of a task' : 'of a task'
    const near = nearest(name, known)
    const hint = near === null ? `: expected ${known.join(', ')}` : `: did you mean ${near}?`
    const message = elsewhere.includes(name)
      ? `${name} is a property ${where}`
      : `there is no property ${name}${hint}`
    return [{ path: `${path}.metadata.tutti.${name}`, message }]
  })
}

function runFindings({ run }: TaskOf<'run'>, path: string): Finding[] {
  const { script, container } = run
  if (script !== undefined) {
    const { language } = script
    const isKnown = expressionIn(language) !== null || scriptLanguageOf(language) !== null
    const at = `${path}.run.script.language`
    return isKnown ? [] : [{ path: at, message: scriptRefused(language) }]
  }
  const wrong = container === undefined ? null : whyNoContainer(container)
  return wrong === null ? [] : [{ path: `${path}.run.container`, message: wrong }]
}

/** What our own functions need, one of each list, and what they may have besides. */
const ownArguments: Readonly<
  Record<string, { readonly needs: readonly (readonly string[])[]; readonly more: string[] }>
> = {
  'tutti.agent': {
    needs: [['route'], ['prompt', 'messages']],
    more: ['instructions', 'tools', 'output', 'limits', 'prices'],
  },
  'tutti.compensate': { needs: [['do']], more: ['within'] },
  'tutti.embed': { needs: [['route'], ['input']], more: [] },
  'tutti.human': {
    needs: [],
    // `from` is no slip of `form`
    more: ['title', 'assignee', 'deadline', 'escalation', 'signed'],
  },
  'tutti.infer': {
    needs: [['route'], ['messages', 'inputs']],
    more: ['output', 'tools', 'outputs'], // the last one is the Open Inference Protocol's
  },
  'tutti.map': {
    needs: [['in'], ['do']],
    more: ['each', 'at', 'maxConcurrency', 'failuresMax'],
  },
}

/** What else they are given goes to the route or the person: only a near miss is a slip. */
function callFindings({ use }: WorkflowDocument, task: TaskOf<'call'>, path: string): Finding[] {
  const given: Readonly<Record<string, unknown>> = { ...Object(task.with) }
  if (task.call === 'mcp' && 'stdio' in Object(given['transport'])) {
    return [{ path: `${path}.with.transport.stdio`, message: stdioRefused }]
  }
  const { protocol } = given
  if (task.call === 'asyncapi' && typeof protocol === 'string' && !isSpoken(protocol)) {
    return [{ path: `${path}.with.protocol`, message: asyncapiRefused(protocol) }]
  }
  const [, catalog] = task.call.includes('://') ? [] : (/^[^@]+@(.+)$/.exec(task.call) ?? [])
  if (catalog !== undefined && !Object.hasOwn(use?.catalogs ?? {}, catalog)) {
    return [{ path: `${path}.call`, message: `use.catalogs has no ${catalog}` }]
  }
  const own = ownArguments[task.call]
  if (own === undefined) return []
  const known = [...own.needs.flat(), ...own.more]
  const slips = Object.keys(given).flatMap((name) => {
    const near = known.includes(name) ? null : nearest(name, known)
    if (near === null || near in given) return []
    return [{ path: `${path}.with.${name}`, message: `did you mean ${near}?` }]
  })
  const missing = own.needs
    .filter((names) => !names.some((name) => name in given))
    .map((names) => ({ path: `${path}.with`, message: `has no ${names.join(', nor ')}` }))
  return slips.length > 0 ? slips : missing
}
