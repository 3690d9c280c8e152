// Plan run
//
// What a document may reach before anything of it has run: routes, hosts, tools, workflows, processes, people, and what its
// agents may cost. Wider than need be: what only an expression knows counts as anything (`*`), and what looks like a call
// counts as one.

import type { Json } from '../../resource/index.ts'

export interface RunPlan {
  /** Routes that models are asked through. */
  readonly routes: readonly string[]
  /** Hosts that calls go to. */
  readonly hosts: readonly string[]
  /** Functions, tools of agents, and `mcp` where a server says itself which tools it has. */
  readonly tools: readonly string[]
  /** `NAMESPACE.NAME` of subflows: their own plans are their own. */
  readonly workflows: readonly string[]
  /** `container`, `script`, `shell`. */
  readonly processes: readonly string[]
  /** Roles that people must have who are asked. */
  readonly roles: readonly string[]
  /** Assets that tasks read. */
  readonly assetsNeeded: readonly string[]
  /** Assets that tasks make. */
  readonly assetsMade: readonly string[]
  /** Millionths of a dollar that all agents may cost; null where nothing bounds it. */
  readonly costMicrosMax: number | null
}

type Members = { readonly [key: string]: Json }

interface Found {
  readonly sets: Readonly<Record<Exclude<keyof RunPlan, 'costMicrosMax'>, Set<string>>>
  costMicros: number
  isBounded: boolean
}

export function planRun(source: Json): RunPlan {
  const sets = {
    ...{ routes: new Set<string>(), hosts: new Set<string>(), tools: new Set<string>() },
    ...{ workflows: new Set<string>(), processes: new Set<string>(), roles: new Set<string>() },
    ...{ assetsNeeded: new Set<string>(), assetsMade: new Set<string>() },
  }
  const found: Found = { sets, costMicros: 0, isBounded: true }
  const { do: tasks = null, use = null } = membersOf(source)
  const isRepeated = jumpsBack(source)
  look(tasks, isRepeated, found)
  look(use, true, found) // a function may be called any number of times
  const { routes, hosts, tools, workflows, processes, roles, assetsNeeded, assetsMade } = sets
  return {
    routes: listOf(routes),
    hosts: listOf(hosts),
    tools: listOf(tools),
    workflows: listOf(workflows),
    processes: listOf(processes),
    roles: listOf(roles),
    assetsNeeded: listOf(assetsNeeded),
    assetsMade: listOf(assetsMade),
    costMicrosMax: costOf(source, found),
  }
}

/** The run's own budget bounds what nothing else does. */
function costOf(source: Json, { isBounded, costMicros }: Found): number | null {
  const { metadata = null } = membersOf(membersOf(source)['document'] ?? null)
  const { budget = null } = membersOf(membersOf(metadata)['tutti'] ?? null)
  const { cost } = membersOf(budget)
  if (typeof cost !== 'number') return isBounded ? costMicros : null
  const own = Math.ceil(cost * 1e6)
  return isBounded ? Math.min(own, costMicros) : own
}

function listOf(set: ReadonlySet<string>): readonly string[] {
  return [...set].sort()
}

function look(value: Json, isRepeated: boolean, found: Found): void {
  if (typeof value !== 'object' || value === null) return
  if (Array.isArray(value)) {
    for (const item of value) look(item, isRepeated, found)
    return
  }
  const { call, run, for: loop, foreach, catch: handler, metadata } = membersOf(value)
  if (typeof call === 'string') noteCall(call, membersOf(value), isRepeated, found)
  if (run !== undefined) noteRun(membersOf(run), found)
  if (metadata !== undefined) noteAssets(membersOf(membersOf(metadata)['tutti'] ?? null), found)
  const isTriedAgain = membersOf(handler ?? null)['retry'] !== undefined
  const repeats = [loop, foreach].some((one) => one !== undefined) || call === 'tutti.map'
  for (const [key, item] of Object.entries(value)) {
    if (addresses.has(key)) noteHost(item, found)
    look(item, isRepeated || repeats || isTriedAgain, found)
  }
}

const addresses = new Set(['endpoint', 'uri', 'host', 'server', 'authority'])

/** The host of an address, whether a URI, a template of one, or a plain name. */
function noteHost(value: Json, { sets }: Found): void {
  if (typeof value !== 'string') return
  const [, name = ''] = /^(?:[a-z][a-z0-9+.-]*:\/\/)?([^/:?#]*)/i.exec(value) ?? []
  sets.hosts.add(name === '' || /[{}$]/.test(name) ? '*' : name.toLowerCase())
}

function noteCall(call: string, task: Members, isRepeated: boolean, found: Found): void {
  const { sets } = found
  const given = membersOf(task['with'] ?? null)
  const { route, assignee, escalation, tools, limits } = given
  switch (call) {
    case 'tutti.human':
      sets.roles.add(known(membersOf(assignee ?? null)['role'] ?? ''))
      for (const level of Array.isArray(escalation) ? escalation.map(membersOf) : []) {
        sets.roles.add(known(level['role'] ?? null))
      }
      return
    case 'tutti.map':
    case 'tutti.compensate':
      return
    case 'tutti.infer':
    case 'tutti.embed':
      sets.routes.add(known(route ?? null))
      found.isBounded = false
      return
    case 'tutti.agent': {
      sets.routes.add(known(route ?? null))
      for (const tool of Array.isArray(tools) ? tools.map(membersOf) : []) {
        sets.tools.add(tool['mcp'] === undefined ? known(tool['name'] ?? null) : 'mcp')
      }
      const cost = membersOf(limits ?? null)['cost']
      if (typeof cost === 'number' && !isRepeated) found.costMicros += Math.ceil(cost * 1e6)
      else found.isBounded = false
      return
    }
    default:
      if (!protocols.has(call)) sets.tools.add(call)
  }
}

const protocols = new Set(['http', 'openapi', 'grpc', 'asyncapi', 'mcp', 'a2a'])

function noteRun({ workflow, ...processes }: Members, { sets }: Pick<Found, 'sets'>): void {
  if (workflow !== undefined) {
    const { namespace, name } = membersOf(workflow)
    sets.workflows.add(`${namespace}.${name}`)
  }
  for (const name of ['container', 'script', 'shell']) {
    if (processes[name] !== undefined) sets.processes.add(name)
  }
}

function noteAssets({ asset, needs }: Members, { sets }: Pick<Found, 'sets'>): void {
  const { name } = membersOf(asset ?? null)
  if (typeof name === 'string') sets.assetsMade.add(name)
  for (const need of Array.isArray(needs) ? needs.map(membersOf) : []) {
    if (typeof need['asset'] === 'string') sets.assetsNeeded.add(need['asset'])
    if (need['produce'] !== undefined) noteRun({ workflow: need['produce'] }, { sets })
  }
}

/** A text that is no expression; `*` else. */
function known(value: Json): string {
  return typeof value === 'string' && !value.includes('${') ? value : '*'
}

function membersOf(value: Json): Members {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
  return isObject ? Object.fromEntries(Object.entries(value)) : {}
}

/** Whether a task may go back to another: then anything may be done again. */
function jumpsBack(value: Json): boolean {
  if (typeof value !== 'object' || value === null) return false
  return Object.entries(value).some(
    ([key, item]) =>
      (key === 'then' && typeof item === 'string' && !['continue', 'exit', 'end'].includes(item)) ||
      jumpsBack(item as Json),
  )
}
