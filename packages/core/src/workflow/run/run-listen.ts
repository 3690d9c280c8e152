// Run listen
//
// Waits for events: one, all of some, any of some, once or until something. With `foreach` tasks run for
// each event in the order of arrival; the output is an array of the events, or of what was made of them.

import type { Json } from '../../resource/index.ts'
import type { EventConsumption, EventFilter } from '../document/index.ts'
import { eachItem } from './each-item.ts'
import type { CloudEvent } from './entry.ts'
import { expressionIn } from './expressions.ts'
import { guarded } from './limit-time.ts'
import type { Body, Site, Stage } from './stage.ts'
import { taskOf } from './task-of.ts'

const eventsMax = 10_000 // consumed by one listener; a stream belongs into `foreach` of many runs

export const runListen: Body = (stage, site, done) => {
  const task = taskOf(site, 'listen')
  const activity = stage.open(site.scope.activity)
  const scope = { ...site.scope, activity }
  const matcher = matcherOf(stage, site, task.listen.to)
  const taken: Json[] = []
  const queue: Json[] = []
  let isComplete = false
  let isBusy = false
  const outputs: Json[] = []
  const finish = (): void => {
    stage.close(activity)
    done({ ok: true, output: task.foreach === undefined ? taken : outputs, next: null })
  }
  const work = (): void => {
    if (isBusy) return
    const item = queue.shift()
    if (item === undefined) {
      if (isComplete) finish()
      return
    }
    isBusy = true
    const { foreach: iterator } = task
    if (iterator === undefined) return
    const at = { iterator, item, index: outputs.length }
    eachItem(stage, { ...site, scope }, at, (result) => {
      isBusy = false
      if (!result.ok || result.next === 'end') {
        stage.close(activity)
        done(result)
        return
      }
      outputs.push(result.output)
      stage.soon(scope, work)
    })
  }
  const take = (event: CloudEvent): void => {
    const verdict = matcher.take(event, taken)
    if (verdict.isKept) {
      const item = read(event, task.listen.read)
      taken.push(item)
      if (task.foreach !== undefined) queue.push(item)
    }
    isComplete ||= verdict.isComplete() || taken.length >= eventsMax
    if (isComplete) {
      stage.cancel(scope.key)
      stage.tellCorrelation(scope, matcher.known)
    }
    work()
  }
  stage.tellCorrelation(scope, null)
  stage.listen(scope, {
    types: typesOf(task.listen.to),
    accepts: matcher.accepts,
    take: (event) =>
      guarded(
        (error) => {
          stage.close(activity)
          done({ ok: false, error })
        },
        () => take(event),
      ),
  })
}

function read(event: CloudEvent, as: 'data' | 'envelope' | 'raw'): Json {
  return as === 'envelope' ? event : (event['data'] ?? null)
}

interface Matcher {
  /** What the events that were kept have fixed, by name. */
  readonly known: ReadonlyMap<string, Json>
  readonly accepts: (event: CloudEvent) => boolean
  /** `isComplete` is asked after the event has been kept. */
  readonly take: (
    event: CloudEvent,
    taken: readonly Json[],
  ) => { readonly isKept: boolean; readonly isComplete: () => boolean }
}

function matcherOf(stage: Stage, site: Site, to: EventConsumption): Matcher {
  const known = new Map<string, Json>()
  const fits = (filter: EventFilter, event: CloudEvent) =>
    matches(stage, site, filter, event) && correlates(stage, site, filter, { event, known })
  const keep = (filter: EventFilter, event: CloudEvent) =>
    remember(stage, site, filter, { event, known })
  if ('one' in to) {
    return {
      known,
      accepts: (event) => fits(to.one, event),
      take: (event) => {
        keep(to.one, event)
        return { isKept: true, isComplete: () => true }
      },
    }
  }
  if ('all' in to) {
    const open = new Set(to.all)
    const next = (event: CloudEvent) => [...open].find((filter) => fits(filter, event))
    return {
      known,
      accepts: (event) => next(event) !== undefined,
      take: (event) => {
        const filter = next(event)
        if (filter !== undefined) {
          open.delete(filter)
          keep(filter, event)
        }
        return { isKept: filter !== undefined, isComplete: () => open.size === 0 }
      },
    }
  }
  const { any, until } = to
  const stop = typeof until === 'object' ? matcherOf(stage, site, until) : null
  const wanted = (event: CloudEvent) =>
    any.length === 0 || any.some((filter) => fits(filter, event))
  return {
    known,
    accepts: (event) => wanted(event) || stop?.accepts(event) === true,
    take: (event, taken) => {
      if (stop?.accepts(event) === true) {
        const ending = stop.take(event, taken)
        return { isKept: false, isComplete: ending.isComplete }
      }
      const filter = any.find((one) => fits(one, event))
      if (filter !== undefined) keep(filter, event)
      return { isKept: true, isComplete: () => isOver(stage, site, until, taken) }
    },
  }
}

/** Without `until` one event is enough; an expression sees all that were taken. */
function isOver(stage: Stage, site: Site, until: unknown, taken: readonly Json[]): boolean {
  if (until === undefined) return true
  if (typeof until !== 'string') return false
  return stage.expressions.isTrue(until, [...taken], stage.sight(site))
}

/** An expression in a filter is asked about the attribute; anything else must be equal to it. */
function matches(stage: Stage, site: Site, filter: EventFilter, event: CloudEvent): boolean {
  return Object.entries(filter.with).every(([name, wanted]) => {
    const value = event[name] ?? null
    if (typeof wanted === 'string' && expressionIn(wanted) !== null) {
      return stage.expressions.isTrue(wanted, value, stage.sight(site))
    }
    return isSame(wanted, value)
  })
}

interface Correlation {
  readonly event: CloudEvent
  /** What earlier events fixed, by name. */
  readonly known: Map<string, Json>
}

function correlates(
  stage: Stage,
  site: Site,
  filter: EventFilter,
  { event, known }: Correlation,
): boolean {
  return Object.entries(filter.correlate ?? {}).every(([name, { from, expect }]) => {
    const value = stage.expressions.evaluate(from, event, stage.sight(site))
    if (value === null) return false
    const wanted =
      expect === undefined
        ? known.get(name)
        : stage.expressions.fill(expect, site.input, stage.sight(site))
    return wanted === undefined || isSame(wanted, value)
  })
}

function remember(
  stage: Stage,
  site: Site,
  filter: EventFilter,
  { event, known }: Correlation,
): void {
  for (const [name, { from }] of Object.entries(filter.correlate ?? {})) {
    if (!known.has(name)) {
      known.set(name, stage.expressions.evaluate(from, event, stage.sight(site)))
    }
  }
}

function isSame(a: unknown, b: unknown): boolean {
  return a === b || JSON.stringify(a) === JSON.stringify(b)
}

/** The types of events that may be wanted; null where any may. */
function typesOf(to: EventConsumption): readonly string[] | null {
  const filters = 'one' in to ? [to.one] : 'all' in to ? to.all : to.any
  if (filters.length === 0) return null
  const types = filters.map((filter) => filter.with.type)
  const more = 'any' in to && typeof to.until === 'object' ? typesOf(to.until) : []
  if (more === null || types.some((type) => type === undefined || expressionIn(type) !== null)) {
    return null
  }
  return [...new Set([...types.flatMap((type) => type ?? []), ...more])]
}
