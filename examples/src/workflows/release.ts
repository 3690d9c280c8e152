// Release
//
// What workflows that train models have in common: train in the workshop, push, roll out and wait for the rollout's end. A
// workflow acts on the control plane as everybody does, over its API with a key of its own, the Secret `release`: policies
// judge it, and the log tells of it. Each step can be done twice: the same order gives the same model, and what is declared
// already is not declared anew.

import {
  attempt,
  http,
  jq,
  listen,
  race,
  raise,
  steps,
  type Task,
  type Value,
} from '@tutti/sdk/workflow'
import { tried } from './tried.ts'

/** The Secret that holds the key; what a document says under `use`. */
export const releaseUse = { secrets: ['release'] }

const underWay = 'urn:tutti:examples:rollout-under-way'
const look = { delay: { seconds: 30 }, limit: { attempt: { count: 120 } } } // an hour
const again = { delay: { seconds: 1 }, limit: { attempt: { count: 20 } } } // generations, at most
const withKey = { authentication: { bearer: { token: jq`$secrets.release` } } }

/** The API of the control plane, of which the input says where it is. */
function api(method: string, path: string, body?: Value): Task {
  const endpoint = { uri: jq`$workflow.input.plane + "/api/v1/${path}"`, ...withKey }
  return http({ method, endpoint, ...(body === undefined ? {} : { body }) })
}

/** An order to the workshop: `train` gives what the training says, `push` declares its model. */
export function ordered(path: 'train' | 'push', order: Value): Task {
  const endpoint = jq`$workflow.input.workshop + "/${path}"`
  return tried(path, http({ method: 'post', endpoint, body: order }))
}

export interface Wish {
  /** Name of the Deployment. */
  readonly name: string
  /** The Model, or an expression that gives it. */
  readonly model: string
  readonly strategy: Value
  readonly selector?: Value
}

/** Declares that a model is to run on nodes. */
export function deployed({ name, model, strategy, selector }: Wish): Task {
  const spec = { model, strategy, ...(selector === undefined ? {} : { selector }) }
  const body = { apiVersion: 'tutti/v1', kind: 'Deployment', metadata: { name }, spec }
  return tried('declare', api('put', `deployments/${name}`, body))
}

export function removed(name: string): Task {
  return tried('remove', api('delete', `deployments/${name}`))
}

/**
 * Waits until the newest rollout has ended; one that was taken back fails with the reason. The
 * control plane says by an event when a rollout is over; whoever missed it sees it half a minute
 * later. The first look is taken while the event is waited for: none comes between the two.
 */
export function rolledOut(name: string): Task {
  const get = {
    ...tried('ask', api('get', `deployments/${name}`)),
    output: { as: jq`.status.state` },
  }
  const isOver = raise(
    { type: underWay, status: 409 },
    { if: jq`.phase as $phase | ["done", "reverted", "superseded"] | any(. == $phase) | not` },
  )
  const underWayStill = { errors: { with: { type: underWay } } }
  const ended = { type: 'tutti.rollout.ended.v1', subject: name }
  // Told of the generation before, that it was superseded, it waits again.
  const news = race({
    told: steps({ hear: listen({ one: { with: ended } }), get }),
    seen: attempt({ get, isOver }, { ...underWayStill, retry: look }),
  })
  const goneBack = {
    type: 'urn:tutti:examples:rollout-reverted',
    status: 409,
    title: 'the rollout did not come to its end',
    detail: jq`"${name} is \(.phase): \(.cause.message // "no reason is known")"`,
  }
  return steps({
    end: attempt({ news, isOver }, { ...underWayStill, retry: again }),
    judge: raise(goneBack, { if: jq`.phase != "done"` }),
  })
}
