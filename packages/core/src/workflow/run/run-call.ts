// Run call
//
// Calls over a protocol, with all expressions, endpoints and authentications filled in; and functions: those of
// the document run as the task that they are, others are asked of the engine.

import type { Json } from '../../resource/index.ts'
import { parseTask, protocolNames, subscriptionIterator, type Task } from '../document/index.ts'
import { asJson } from './as-json.ts'
import { eachItem } from './each-item.ts'
import { expressionIn } from './expressions.ts'
import { ownFunctions } from './own-functions.ts'
import { authenticationOf } from './resolve.ts'
import { type Body, type Done, inside, type Site, type Stage } from './stage.ts'
import { taskOf } from './task-of.ts'
import { expandUri } from './uri-template.ts'
import { fault } from './workflow-error.ts'

export const runCall: Body = (stage, site, done) => {
  const task = taskOf(site, 'call')
  const own = ownFunctions[task.call]
  if (protocolNames.some((name) => name === task.call)) callOut(stage, site, done)
  else if (own !== undefined) own(stage, site, done)
  else callFunction(stage, site, done)
}

function callOut(stage: Stage, site: Site, done: Done): void {
  const { call, with: given } = taskOf(site, 'call')
  const protocol = protocolNames.find((name) => name === call)
  if (protocol === undefined) return fault('configuration', `there is no protocol ${call}`)
  const args = resolved(stage, site, asJson(given ?? {}), '')
  const { subscription } = protocol === 'asyncapi' ? membersOf(asJson(given ?? {})) : {}
  if (subscription === undefined) {
    stage.act(site, { type: 'call', protocol, arguments: args }, done)
    return
  }
  const sight = { sight: sightOf(stage, site) }
  const asked = { ...membersOf(args), ...sight }
  stage.act(site, { type: 'call', protocol, arguments: asked }, (result) => {
    if (result.ok) forEach(stage, site, { subscription, items: result.output }, done)
    else done(result)
  })
}

/** What the expressions of a subscription see: whoever takes its messages has no machine to ask. */
function sightOf(stage: Stage, site: Site): Json {
  const { global, names, values } = stage.sight(site)
  const variables = Object.fromEntries(names.map((name, i) => [name, values[i] ?? null]))
  return { context: global('context'), input: global('input'), ...variables }
}

/** The tasks of a subscription's `foreach`, message by message; their outputs are the task's. */
function forEach(
  stage: Stage,
  site: Site,
  { subscription, items }: { readonly subscription: Json; readonly items: Json },
  done: Done,
): void {
  const { foreach } = membersOf(subscription)
  if (foreach === undefined || !Array.isArray(items)) {
    done({ ok: true, output: items, next: null })
    return
  }
  const parsed = subscriptionIterator.safeParse(foreach)
  if (!parsed.success) return fault('configuration', 'foreach is no iterator')
  const outputs: Json[] = []
  const next = (index: number): void => {
    if (index >= items.length) {
      done({ ok: true, output: outputs, next: null })
      return
    }
    const at = { iterator: parsed.data, item: items[index], index }
    eachItem(stage, site, at, (result) => {
      if (!result.ok || result.next === 'end') {
        done(result)
        return
      }
      outputs.push(result.output)
      stage.soon(site.scope, () => next(index + 1))
    })
  }
  next(0)
}

function membersOf(value: Json): { readonly [key: string]: Json } {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
  return isObject ? Object.fromEntries(Object.entries(value)) : {}
}

/** These hold expressions over what comes later; whoever acts evaluates them. */
const later = new Set(['filter', 'consume', 'foreach'])

function resolved(stage: Stage, site: Site, value: Json, key: string): Json {
  if (later.has(key)) return value
  if (key === 'authentication') return authenticationOf(stage, site, value)
  if (typeof value === 'string') {
    const isAddress = key === 'endpoint' || key === 'uri'
    if (expressionIn(value) !== null || !isAddress) {
      return stage.expressions.fill(value, site.input, stage.sight(site))
    }
    return expandUri(value, site.input)
  }
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map((item) => resolved(stage, site, item, ''))
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [name, resolved(stage, site, item, name)]),
  )
}

function callFunction(stage: Stage, site: Site, done: Done): void {
  const { call, with: given } = taskOf(site, 'call')
  const args = stage.expressions.fill(asJson(given ?? {}), site.input, stage.sight(site))
  const known = stage.document.use?.functions?.[call]
  if (known !== undefined) {
    runFunction(stage, site, { task: known, args }, done)
    return
  }
  const isElsewhere = call.includes('://') || /^[^@]+@.+$/.test(call)
  if (!isElsewhere) fault('configuration', `there is no function ${call}`)
  // A function of a catalog: its definition is fetched once and stands in the journal from then on.
  const action = { type: 'function', name: call, arguments: catalogOf(stage, call) } as const
  stage.act(site, action, (result) => {
    if (!result.ok) {
      done(result)
      return
    }
    const parsed = parseTask(result.output)
    if (parsed.success) runFunction(stage, site, { task: parsed.data, args }, done)
    else {
      const detail = parsed.error.issues.map(({ message }) => message).join('; ')
      fault('configuration', `the function ${call} is no task: ${detail}`)
    }
  })
}

function catalogOf(stage: Stage, call: string): Json {
  const [reference = '', name] = call.includes('://') ? [call] : call.split('@')
  if (name === undefined) return { endpoint: reference }
  const catalog = stage.document.use?.catalogs?.[name]
  if (catalog === undefined) return fault('configuration', `there is no catalog ${name}`)
  const endpoint = typeof catalog.endpoint === 'string' ? catalog.endpoint : catalog.endpoint.uri
  return { endpoint, function: reference }
}

/** A function is a task on its arguments. */
function runFunction(
  stage: Stage,
  site: Site,
  { task, args }: { readonly task: Task; readonly args: Json },
  done: Done,
): void {
  const { type, ...definition } = task
  const item = { name: site.item.name, task, definition: { ...definition, type } }
  stage.runTask(item, inside(site.scope, 'function'), args, (result) =>
    done(result.ok ? { ...result, next: null } : result),
  )
}
