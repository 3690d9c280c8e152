// Ride price
//
// How much demand is there, what does the ride cost, and who drives? Demand and drivers are asked for at the same time; the
// fare is held and the driver sent, both or neither.

import {
  compensate,
  defineWorkflow,
  emit,
  http,
  infer,
  jq,
  parallel,
  raise,
  set,
} from '@tutti/sdk/workflow'
import type { ModelDraft } from '../../models/model-folder.ts'
import { drawNormal, drawUniform, seededRandom } from '../../models/random.ts'
import { logisticModel } from '../logistic-model.ts'
import { tried } from '../tried.ts'

const at = (path: string) => jq`$workflow.input.city + "/${path}"`
const features = jq`[.hour, .rain, .waiting, .free]`
const remember = { as: '.' }
const book = (name: string, undo: string) => ({
  ...tried(name, http({ method: 'post', endpoint: at(name), body: jq`$context` })),
  metadata: {
    tutti: {
      undo: [
        { [undo]: tried(undo, http({ method: 'post', endpoint: at(undo), body: jq`.output` })) },
      ],
    },
  },
})

export const ridePrice = defineWorkflow({
  namespace: 'city',
  name: 'ride-price',
  version: '1.0.0',
  title: 'Ride price',
})
  .step(
    'ask',
    parallel({
      demand: tried(
        'model',
        infer(
          {
            route: 'demand',
            inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 4], data: features }],
          },
          { output: { as: jq`.outputs[0].data[0]` } },
        ),
      ),
      drivers: tried('list', http({ method: 'get', endpoint: at('drivers') })),
    }),
  )
  .step(
    'price',
    set(
      {
        cents: jq`(250 + $workflow.input.km * 180) * (1 + .[0]) | round`,
        driver: jq`.[1] | sort_by(.minutes, .name) | first | .name`,
      },
      { export: remember },
    ),
  )
  .step(
    'nobody',
    raise({ type: 'https://city.example/no-driver', status: 404 }, { if: jq`.driver == null` }),
  )
  .step('book', compensate({ hold: book('hold', 'release'), send: book('send', 'recall') }))
  .step('fix', set({ cents: jq`$context.cents`, driver: jq`$context.driver` }))
  .step(
    'tell',
    tried('event', emit({ type: 'city.ride.booked', data: jq`.` }, { output: { as: '.data' } })),
  )
  .build()

const hours = 1_500 // of demand that its model learns from

/** Of hours drawn from a seed, with rain, people who wait and free cars: was demand high? */
export function demandModel(): ModelDraft {
  const random = seededRandom(41)
  const examples = Array.from({ length: hours }, () => {
    const hour = Math.floor(drawUniform(random, [0, 24]))
    const rain = random() < 0.3 ? 1 : 0
    const waiting = Math.floor(drawUniform(random, [0, 40]))
    const free = Math.floor(drawUniform(random, [0, 40]))
    const sense = 0.15 * (waiting - free) + rain + (hour > 16 ? 0.8 : -0.4)
    return { features: [hour, rain, waiting, free], isPositive: sense + drawNormal(random) > 0 }
  })
  return logisticModel('demand', examples)
}
