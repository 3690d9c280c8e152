// Policy engine
//
// The port to Cedar. One engine holds the current policy set, parsed once, and answers questions with the
// policies that decided and what they say of themselves.

import {
  type DecidingPolicy,
  decideVerdict,
  type PolicyAnswer,
  type PolicySpec,
} from '@tutti/core/governance'
import { canonicalJson, type Finding } from '@tutti/core/resource'
import { sha256 } from '../store/index.ts'
import { cedarSchema } from './cedar-schema.ts'
import { whyNestedTooDeep } from './check-nesting.ts'
import { type Cedar, openCedar } from './open-cedar.ts'

let cedar = openCedar() // judges; `openPolicyEngine` alone writes it, where it has trapped

export interface Principal {
  readonly type: 'User' | 'Automation' | 'Node'
  readonly id: string
  readonly roles: readonly string[]
  /** The project of the Key that a User came with, and its name; empty for others. */
  readonly project: string
  readonly key: string
}

/** Something that acts by itself, on what was declared. */
export function automation(id: string): Principal {
  return { type: 'Automation', id, roles: [], project: '', key: '' }
}

export interface Question {
  readonly principal: Principal
  readonly action: string
  readonly resource: {
    readonly kind: string
    readonly project: string
    readonly name: string
    readonly labels: Readonly<Record<string, string>>
  }
  readonly context: QuestionContext
}

/** What is known about the change when it is asked: see the schema. */
export interface QuestionContext {
  readonly approvals: number
  readonly approvers: readonly string[]
  readonly environment: string
  readonly signature: { readonly verified: boolean; readonly reason: string }
  /** What a Workflow may reach, where one is declared or run. */
  readonly plan?: PlanContext
  /** What the guard of a Route may find, where that is what is asked about. */
  readonly finding?: { readonly kind: string; readonly side: string; readonly action: string }
}

/** What a workflow may reach, as policies see it. */
export interface PlanContext {
  readonly routes: readonly string[]
  readonly hosts: readonly string[]
  readonly tools: readonly string[]
  readonly workflows: readonly string[]
  readonly processes: readonly string[]
  readonly roles: readonly string[]
  readonly assetsNeeded: readonly string[]
  readonly assetsMade: readonly string[]
  /** Absent: nothing bounds it. */
  readonly costMicrosMax?: number
}

export const emptyContext: QuestionContext = {
  approvals: 0,
  approvers: [],
  environment: '',
  signature: { verified: false, reason: '' },
}

export interface PolicyEngine {
  readonly answer: (question: Question) => PolicyAnswer
  /** Yes or no, remembered for all questions that these policies cannot tell apart. */
  readonly permits: (question: Question) => boolean
  /**
   * True where a policy forbids it: not where merely nobody permits it. For questions that were
   * not asked when the policies were written.
   */
  readonly forbids: (question: Question) => boolean
  /** The same for principals whom these policies cannot tell apart. */
  readonly likenessOf: (principal: Principal) => string
  /** False where these policies say nothing of what guards find: `infer` is the whole answer. */
  readonly asksFindings: boolean
  /** Digest of the policy set: an approval given under another one is void. */
  readonly digest: string
}

/** `User::"alice"`: the written form of a principal. */
export function formatPrincipal(principal: Pick<Principal, 'type' | 'id'>): string {
  return `${principal.type}::"${principal.id}"`
}

/** What is wrong with a policy text; empty where it parses and uses only the schema's words. */
export function checkPolicy(name: string, spec: PolicySpec): Finding[] {
  const tooDeep = whyNestedTooDeep(spec.cedar)
  if (tooDeep !== null) return [finding(tooDeep)]
  try {
    return checkWith(openCedar(), name, spec)
  } catch (error) {
    // It ran out of its stack, and that instance is none any more.
    const reason = error instanceof Error ? error.message : String(error)
    return [finding(`is too large or too deep for Cedar (${reason}): make it several policies`)]
  }
}

function checkWith(cedar: Cedar, name: string, spec: PolicySpec): Finding[] {
  const parts = cedar.policySetTextToParts(spec.cedar)
  if (parts.type === 'failure') return parts.errors.map((error) => finding(error.message))
  if (parts.policy_templates.length > 0) return [finding('templates are not supported')]
  if (parts.policies.length === 0) return [finding('expected at least one Cedar policy, got none')]
  const named = splitPolicies(cedar, name, spec)
  if (new Set(named.map(({ id }) => id)).size < named.length) {
    return [finding('expected a different @id on every policy')]
  }
  const staticPolicies = Object.fromEntries(named.map(({ id, text }) => [id, text]))
  const answer = cedar.validate({ schema: cedarSchema, policies: { staticPolicies } })
  if (answer.type === 'failure') return answer.errors.map((error) => finding(error.message))
  if (answer.validationErrors.length > 0) {
    return answer.validationErrors.map(({ policyId, error }) =>
      finding(`${policyId}: ${error.message}`),
    )
  }
  engineOn(cedar, [{ name, spec }]).answer(anyQuestion) // takes more of the stack than to read it
  return []
}

const anyQuestion: Question = {
  principal: automation('check'),
  action: 'read',
  resource: { kind: 'Project', project: '', name: 'default', labels: {} },
  context: emptyContext,
}

interface NamedPolicy {
  readonly id: string
  readonly text: string
  readonly says: DecidingPolicy
}

/**
 * An engine over these policies, each valid by the `checkPolicy` of its time: one that was stored
 * before there were bounds may still end the instance that judges it. Then all judging goes on in
 * another one, with a stand-in for each that is over the bounds.
 */
export function openPolicyEngine(policies: readonly PolicyText[]): PolicyEngine {
  const withStandIns = () => {
    cedar = openCedar()
    return engineOn(cedar, policies.flatMap(standIn))
  }
  const orElse = <T>(act: () => T, instead: () => T): T => {
    try {
      return act()
    } catch {
      return instead()
    }
  }
  let current = orElse(() => engineOn(cedar, policies), withStandIns)
  const judge = <T>(act: (engine: PolicyEngine) => T): T =>
    orElse(
      () => act(current),
      () => {
        current = withStandIns()
        return act(current)
      },
    )
  return {
    answer: (question) => judge((engine) => engine.answer(question)),
    permits: (question) => judge((engine) => engine.permits(question)),
    forbids: (question) => judge((engine) => engine.forbids(question)),
    likenessOf: (principal) => current.likenessOf(principal),
    get asksFindings() {
      return current.asksFindings
    },
    get digest() {
      return current.digest
    },
  }
}

/** Of a policy that cannot be judged: all that it might forbid, but for who mends it. */
function standIn(policy: PolicyText): PolicyText[] {
  const why = whyNestedTooDeep(policy.spec.cedar) ?? whyNoRoom(policy)
  if (why === null) return [policy]
  if (!/\bforbid\b/.test(policy.spec.cedar)) return [] // nothing is permitted by it
  const text = `@id("${policy.name}")
    @reason("policy ${policy.name} cannot be judged: ${why.replaceAll(/["`\\]/g, '')}")
    @fix("an admin has to declare policy ${policy.name} anew, or delete it")
    forbid(principal, action, resource) unless {
      principal in Role::"admin" && resource is Policy
    };`
  return [{ ...policy, spec: { ...policy.spec, cedar: text } }]
}

/** Found out by an instance that is thrown away. */
function whyNoRoom({ name, spec }: PolicyText): string | null {
  try {
    checkWith(openCedar(), name, spec)
    return null
  } catch {
    return 'too large or too deep for Cedar'
  }
}

interface PolicyText {
  readonly name: string
  readonly spec: PolicySpec
}

function engineOn(cedar: Cedar, policies: readonly PolicyText[]): PolicyEngine {
  const named = policies.flatMap(({ name, spec }) => splitPolicies(cedar, name, spec))
  const says = new Map(named.map((policy) => [policy.id, policy.says]))
  const staticPolicies = Object.fromEntries(named.map(({ id, text }) => [id, text]))
  const digest = sha256(canonicalJson(staticPolicies))
  // Cedar keeps parsed sets by name for the life of the process: some KB a change
  const setId = digest
  const parsed = cedar.preparsePolicySet(setId, { staticPolicies })
  const schema = cedar.preparseSchema('schema', cedarSchema)
  const broken = parsed.type === 'failure' ? parsed.errors.map((e) => e.message) : []
  if (schema.type === 'failure') broken.push(...schema.errors.map((e) => e.message))
  const answer = (question: Question): PolicyAnswer =>
    broken.length > 0
      ? { allowed: false, determining: [], errors: broken } // fails closed
      : ask(cedar, { setId, says }, question)
  const asksNames = named.some(({ text }) => looksAtNames.test(text))
  const asksFindings = named.some(({ text }) => looksAtFindings.test(text))
  const likenessOf = ({ type, id, roles, project }: Principal) =>
    canonicalJson([type, [...roles].sort(), project, asksNames ? id : ''])
  const permits = remember(
    (question) => decideVerdict(answer(question)).kind === 'allow',
    asksNames,
  )
  const forbids = remember((question) => isForbidden(answer(question)), asksNames)
  return { digest, answer, permits, forbids, likenessOf, asksFindings }
}

// Whether an answer may depend on who asks and on what, besides roles, kind, project and labels. Wider than
// need be: a policy that merely looks like it costs time, one overlooked would open a door.
const looksAtNames = new RegExp(
  [
    '\\bname\\b|\\bUser::|\\bresource\\s*in\\b',
    '\\b(resource|principal)\\s*(==|!=)|(==|!=|\\bin)\\s*(resource|principal)\\b',
  ].join('|'),
)
const looksAtFindings = /\bfinding\b|\bcontext\s*\[/
const permitsMax = 100_000 // of some hundred bytes each; a fleet has a few dozen

/** Errors fail closed. */
function isForbidden({ allowed, determining, errors }: PolicyAnswer): boolean {
  return !allowed && (determining.length > 0 || errors.length > 0)
}

/** Cedar takes a quarter of a millisecond, and lists and snapshots ask thousands of times. */
function remember(
  ask: (question: Question) => boolean,
  asksNames: boolean,
): (question: Question) => boolean {
  const held = new Map<string, boolean>() // lives as long as the policies stand
  return (question) => {
    const { principal, action, resource, context } = question
    const { type, roles, project } = principal
    const names = asksNames ? [principal.id, resource.name] : []
    const { kind, labels } = resource
    const what = [action, kind, resource.project, labels, context]
    const alike = canonicalJson([type, [...roles].sort(), project, what, names])
    const known = held.get(alike)
    if (known !== undefined) return known
    const isSo = ask(question)
    if (held.size >= permitsMax) held.clear()
    held.set(alike, isSo)
    return isSo
  }
}

function ask(
  cedar: Cedar,
  of: { readonly setId: string; readonly says: ReadonlyMap<string, DecidingPolicy> },
  { principal, action, resource, context }: Question,
): PolicyAnswer {
  const id = resource.project === '' ? resource.name : `${resource.project}/${resource.name}`
  const who = { type: principal.type, id: principal.id }
  const what = { type: resource.kind, id }
  const parents = resource.project === '' ? [] : [{ type: 'Project', id: resource.project }]
  const attributes = { name: resource.name, project: resource.project }
  const own = { name: principal.id, project: principal.project }
  const answer = cedar.statefulIsAuthorized({
    principal: who,
    action: { type: 'Action', id: action },
    resource: what,
    context: {
      approvals: context.approvals,
      approvers: [...context.approvers],
      environment: context.environment,
      signature: { ...context.signature },
      ...(context.finding === undefined ? {} : { finding: { ...context.finding } }),
      ...(context.plan === undefined ? {} : { plan: planOf(context.plan) }),
    },
    preparsedPolicySetId: of.setId,
    preparsedSchemaName: 'schema',
    validateRequest: true,
    entities: [
      {
        uid: who,
        attrs: principal.type === 'Automation' ? {} : own,
        parents: principal.roles.map((role) => ({ type: 'Role', id: role })),
      },
      { uid: what, attrs: attributes, parents, tags: { ...resource.labels } },
    ],
  })
  if (answer.type === 'failure') {
    return { allowed: false, determining: [], errors: answer.errors.map((e) => e.message) }
  }
  const { decision, diagnostics } = answer.response
  return {
    allowed: decision === 'allow',
    determining: diagnostics.reason.flatMap((reason) => of.says.get(reason) ?? []),
    errors: diagnostics.errors.map(({ policyId, error }) => `${policyId}: ${error.message}`),
  }
}

function planOf({ costMicrosMax: cost, ...sets }: PlanContext) {
  const lists = Object.entries(sets).map(([name, list]) => [name, [...list]])
  return { ...Object.fromEntries(lists), ...(cost === undefined ? {} : { costMicrosMax: cost }) }
}

function splitPolicies(cedar: Cedar, name: string, spec: PolicySpec): NamedPolicy[] {
  const parts = cedar.policySetTextToParts(spec.cedar)
  if (parts.type === 'failure') return []
  return parts.policies.map((text, i) => {
    const parsed = cedar.policyToJson(text)
    const annotations = parsed.type === 'success' ? (parsed.json.annotations ?? {}) : {}
    const own = annotations['id'] ?? `policy-${i}`
    const id = own === name ? name : `${name}/${own}`
    const says = {
      id,
      reason: annotations['reason'] ?? `policy ${id} forbids it`,
      fix: annotations['fix'] ?? 'ask whoever keeps the policy',
      clause: text.trim(),
      approvals: Math.max(0, Math.trunc(Number(annotations['approvals'] ?? 0)) || 0),
    }
    return { id, text, says }
  })
}

function finding(message: string): Finding {
  return { path: 'spec.cedar', message }
}
