// Run budget
//
// What all asks of models in one run may use together: `document.metadata.tutti.budget`.
//
//   B1. Before each ask it is looked at: where it is used up, the ask is an error that names it, and nothing is asked.
//   B2. A chat is asked for no more tokens than are left. Asks that are under way at the same time do not see each other.
//   B3. A limit holds only where the route says what was used: an answer that does not is an error.

import type { Json } from '../../resource/index.ts'
import type { RunProperties } from '../document/index.ts'
import type { Action } from './command.ts'
import { Fault, standardError, type WorkflowError } from './workflow-error.ts'

type Members = { readonly [key: string]: Json }

export class RunBudget {
  readonly #limits: NonNullable<RunProperties['budget']>
  #tokens = 0
  #costDollars = 0

  constructor(limits: RunProperties['budget']) {
    this.#limits = limits ?? {}
  }

  /** The action as the budget lets it be. @throws Fault where nothing is left. */
  open(action: Action): Action {
    const { tokens, cost } = this.#limits
    if (!isAsk(action) || (tokens === undefined && cost === undefined)) return action
    used('tokens', this.#tokens, tokens) // B1
    used('dollars', this.#costDollars, cost)
    if (tokens === undefined || !isChat(action)) return action
    const args = membersOf(action.arguments)
    const own = args['max_completion_tokens']
    const left = tokens - this.#tokens
    const max = typeof own === 'number' ? Math.min(own, left) : left
    return { ...action, arguments: { ...args, max_completion_tokens: max } } // B2
  }

  /** Null where the answer is metered; else the error that it is. */
  meter(action: Action, output: Json): WorkflowError | null {
    const { tokens, cost } = this.#limits
    if (!isAsk(action) || (tokens === undefined && cost === undefined)) return null
    const usage = membersOf(membersOf(output)['usage'] ?? null)
    const { total_tokens: total, cost: dollars } = usage
    const isTensor = action.name === 'tutti.infer' && !isChat(action) // uses no tokens
    if (typeof total === 'number') this.#tokens += total
    else if (tokens !== undefined && !isTensor) return unmetered('tokens') // B3
    if (typeof dollars === 'number') this.#costDollars += dollars
    else if (cost !== undefined && !isTensor) return unmetered('cost')
    return null
  }
}

type Ask = Extract<Action, { type: 'function' }>

function isAsk(action: Action): action is Ask {
  return action.type === 'function' && ['tutti.infer', 'tutti.embed'].includes(action.name)
}

function isChat(action: Ask): boolean {
  return action.name === 'tutti.infer' && membersOf(action.arguments)['messages'] !== undefined
}

/** Documents catch it by this type: it is none of the specification's. */
function used(what: string, count: number, limit: number | undefined): void {
  if (limit === undefined || count < limit) return
  const detail = `the run has used ${count} of its ${limit} ${what}`
  const kind = { type: 'urn:tutti:error:limit', status: 429, title: 'Limit Reached' }
  throw new Fault({ ...kind, detail })
}

function unmetered(what: string): WorkflowError {
  const detail = `the run has a budget of ${what}, and the route does not say them`
  return standardError('configuration', detail)
}

function membersOf(value: Json): Members {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
  return isObject ? Object.fromEntries(Object.entries(value)) : {}
}
