// Own functions
//
// Tutti's own tasks, called as functions named `tutti.…`: a document that uses them stays a document of the
// specification. They are worked out up to what the engine has to do.

import type { Json } from '../../resource/index.ts'
import { asJson } from './as-json.ts'
import { runAgent } from './run-agent.ts'
import { runCompensate } from './run-compensate.ts'
import { runHuman } from './run-human.ts'
import { runMap } from './run-map.ts'
import type { Body, Site, Stage } from './stage.ts'
import { taskOf } from './task-of.ts'

/** `tutti.infer`: asks a Route. `with` goes to it as the request's body, `route` chooses it. */
const runInfer: Body = (stage, site, done) => {
  const args = argumentsOf(stage, site)
  stage.act(site, { type: 'function', name: 'tutti.infer', arguments: args }, done)
}

/** `tutti.embed`: the vectors of texts. `route` says who makes them, `input` is one or several. */
const runEmbed: Body = (stage, site, done) => {
  const args = argumentsOf(stage, site)
  stage.act(site, { type: 'function', name: 'tutti.embed', arguments: args }, done)
}

export const ownFunctions: Readonly<Record<string, Body>> = {
  'tutti.agent': runAgent,
  'tutti.compensate': runCompensate,
  'tutti.embed': runEmbed,
  'tutti.human': runHuman,
  'tutti.infer': runInfer,
  'tutti.map': runMap,
}

/** All of Tutti's own functions. */
export const ownNames: readonly string[] = Object.keys(ownFunctions)

function argumentsOf(stage: Stage, site: Site): { readonly [key: string]: Json } {
  const { with: given } = taskOf(site, 'call')
  return membersOf(stage.expressions.fill(asJson(given ?? {}), site.input, stage.sight(site)))
}

function membersOf(value: Json): { readonly [key: string]: Json } {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
  return isObject ? Object.fromEntries(Object.entries(value)) : {}
}
