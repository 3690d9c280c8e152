// Run simple
//
// Tasks that need little: `do`, `set`, `raise`, `switch`, `wait`, `emit`.

import type { Json } from '../../resource/index.ts'
import { asJson } from './as-json.ts'
import type { CloudEvent } from './entry.ts'
import { errorOf, millisecondsOf } from './resolve.ts'
import { type Body, inside, type Site, type Stage } from './stage.ts'
import { taskOf } from './task-of.ts'

export const runDo: Body = (stage, site, done) => {
  stage.runList(taskOf(site, 'do').do, inside(site.scope, 'do'), site.input, done)
}

export const runSet: Body = (stage, site, done) => {
  const { set } = taskOf(site, 'set')
  stage.complete(site.scope, fill(stage, site, set), done)
}

/** Nothing is written down: the error follows from what is there. */
export const runRaise: Body = (stage, site, done) => {
  const definition = errorOf(stage, taskOf(site, 'raise').raise.error)
  const filled = fill(stage, site, { ...definition })
  const { title, detail, instance, type } = membersOf(filled)
  done({
    ok: false,
    error: {
      type: String(type),
      status: definition.status,
      ...(title === undefined ? {} : { title: String(title) }),
      ...(detail === undefined ? {} : { detail: String(detail) }),
      instance: instance === undefined ? site.scope.reference : String(instance),
    },
  })
}

/** The first case that matches says where to go on; without one the task goes on as it says. */
export const runSwitch: Body = (stage, site, done) => {
  const cases = taskOf(site, 'switch').switch.flatMap((entry) => Object.values(entry))
  const chosen = cases.find(
    ({ when }) =>
      when === undefined || stage.expressions.isTrue(when, site.input, stage.sight(site)),
  )
  done({ ok: true, output: site.input, next: chosen?.then ?? null })
}

export const runWait: Body = (stage, site, done) => {
  const ms = millisecondsOf(stage, site, taskOf(site, 'wait').wait)
  stage.wait(site.scope, stage.nowMs() + ms, () =>
    done({ ok: true, output: site.input, next: null }),
  )
}

/** The event's id follows from run and step: emitted twice it is still one event. */
export const runEmit: Body = (stage, site, done) => {
  const { event } = taskOf(site, 'emit').emit
  const filled = fill(stage, site, { ...event.with })
  const { namespace, name } = stage.document.document
  const made: CloudEvent = {
    specversion: '1.0',
    id: `${stage.runId}${site.scope.key}`,
    source: `/workflows/${namespace}/${name}/runs/${stage.runId}`,
    time: new Date(stage.nowMs()).toISOString(),
    ...membersOf(filled),
  }
  stage.act(site, { type: 'emit', event: made }, done)
}

function fill(stage: Stage, site: Site, template: unknown): Json {
  const plain: Json = asJson(template)
  return stage.expressions.fill(plain, site.input, stage.sight(site))
}

function membersOf(value: Json): { readonly [key: string]: Json } {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
  return isObject ? Object.fromEntries(Object.entries(value)) : {}
}
