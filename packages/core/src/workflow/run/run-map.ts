// Run map
//
// `tutti.map`: one list of tasks for each item, many at the same time. Items fail one by one: up to `failuresMax` of them
// leave `{error}` in their place, one more is the error of the task.

import type { Json } from '../../resource/index.ts'
import { parseTaskList, type TaskList } from '../document/index.ts'
import { asJson } from './as-json.ts'
import { type Body, inside, type Result, turn, withVariables } from './stage.ts'
import { taskOf } from './task-of.ts'
import { fault } from './workflow-error.ts'

const itemsMax = 10_000 // each takes some hundred bytes of journal and memory at once
const concurrencyDefault = 10

interface MapArguments {
  readonly items: readonly Json[]
  readonly each: string
  readonly at: string
  readonly concurrencyMax: number
  readonly failuresMax: number
  readonly list: TaskList
}

export const runMap: Body = (stage, site, done) => {
  const given = asJson(taskOf(site, 'call').with ?? {})
  const fill = (template: Json) => stage.expressions.fill(template, site.input, stage.sight(site))
  const { items, each, at, concurrencyMax, failuresMax, list } = readArguments(given, fill)
  const activity = stage.open(site.scope.activity)
  const outputs: Json[] = items.map(() => null)
  let next = 0
  let left = items.length
  let failures = 0
  const finish = (result: Result): void => {
    stage.close(activity)
    done(result)
  }
  const begin = (): void => {
    const index = next
    if (index >= items.length) return
    next += 1
    const variables = withVariables(site.scope, { [each]: items[index] ?? null, [at]: index })
    const scope = turn(site.scope, `#${index}`, { ...variables, activity })
    stage.soon(scope, () =>
      stage.runList(list, inside(scope, 'with/do'), items[index] ?? null, (result) => {
        if (activity.isOver) return
        if (!result.ok) failures += 1
        if ((!result.ok && failures > failuresMax) || (result.ok && result.next === 'end')) {
          finish(result)
          return
        }
        outputs[index] = result.ok ? result.output : { error: { ...result.error } }
        left -= 1
        if (left === 0) finish({ ok: true, output: outputs, next: null })
        else begin()
      }),
    )
  }
  if (items.length === 0) finish({ ok: true, output: [], next: null })
  for (let i = 0; i < Math.min(concurrencyMax, items.length); i++) begin()
}

function readArguments(given: Json, fill: (template: Json) => Json): MapArguments {
  const members = new Map(Object.entries(given ?? {}))
  const items = fill(members.get('in') ?? null)
  if (!Array.isArray(items)) return fault('expression', 'map takes an array under `in`')
  if (items.length > itemsMax) fault('runtime', `map takes at most ${itemsMax} items`)
  const parsed = parseTaskList(members.get('do'))
  if (!parsed.ok) return fault('configuration', `map: ${parsed.reason}`)
  const count = (name: string, otherwise: number): number => {
    const value = fill(members.get(name) ?? otherwise)
    if (typeof value === 'number' && value >= 0) return Math.floor(value)
    return fault('configuration', `map: ${name} is a count`)
  }
  return {
    items,
    each: String(members.get('each') ?? 'item'),
    at: String(members.get('at') ?? 'index'),
    concurrencyMax: Math.max(1, count('maxConcurrency', concurrencyDefault)),
    failuresMax: count('failuresMax', 0),
    list: parsed.list,
  }
}
