// Predictive maintenance
//
// Every night: the model learns how the pumps sounded on the day before (`nightly-history` gathers it, where nobody has yet), and its
// new version goes out in stages. It scores a
// window of each pump; for those that sound wrong a slot of the workshop is booked and a part ordered, both or neither, and
// a person is asked where that cannot be.

import {
  attempt,
  choose,
  compensate,
  defineWorkflow,
  emit,
  http,
  human,
  infer,
  jq,
  map,
  set,
  steps,
} from '@tutti/sdk/workflow'
import { deployed, ordered, releaseUse, rolledOut } from '../release.ts'
import { tried } from '../tried.ts'

const post = (name: string, body: string) =>
  tried(name, http({ method: 'post', endpoint: jq`$workflow.input.plant + "/${name}"`, body }))
const window = { name: 'window', datatype: 'FP32', shape: [1, 64], data: jq`$pump.window` }
const history = {
  asset: 'pump-history',
  partition: jq`$workflow.input.partition`,
  freshness: { days: 1 },
  produce: {
    ...{ namespace: 'plant', name: 'nightly-history', version: '1.0.0' },
    input: { plant: jq`$workflow.input.plant` },
  },
}
const remember = { as: jq`$context + .` }

export const predictiveMaintenance = defineWorkflow(
  {
    namespace: 'plant',
    name: 'predictive-maintenance',
    version: '1.0.0',
    title: 'Predictive maintenance',
    partition: { by: 'day' },
  },
  { use: releaseUse, schedule: { cron: 'CRON_TZ=Europe/Berlin 0 2 * * *' } },
)
  .step(
    'learn',
    steps({
      nights: tried('read', set({ windows: jq`$assets["pump-history"]` }, { needs: [history] })),
      train: tried(
        'model',
        steps(
          { train: ordered('train', { recipe: 'vibration', order: { windows: jq`.windows` } }) },
          { asset: { name: 'pump-model' }, export: { as: '.' } },
        ),
      ),
      push: ordered('push', { model: jq`$context.model` }),
    }),
  )
  .step(
    'release',
    steps({
      begin: deployed({
        name: 'vibration',
        model: jq`$context.model`,
        strategy: { soakMs: 0, canary: { perStratum: 1 }, waves: [0.5, 1] },
      }),
      end: rolledOut('vibration'),
    }),
  )
  .step(
    'listen',
    tried('windows', http({ method: 'get', endpoint: jq`$workflow.input.plant + "/windows"` })),
  )
  .step(
    'score',
    map(
      { in: jq`.`, each: 'pump', maxConcurrency: 4 },
      {
        ask: tried(
          'model',
          infer(
            { route: 'vibration', inputs: [window] },
            { output: { as: jq`{pump: $pump.name, score: .outputs[0].data[0]}` } },
          ),
        ),
      },
    ),
  )
  .step(
    'judge',
    set(
      { worn: jq`map(select(.score > $context.threshold) | .pump)`, heard: jq`length` },
      { export: remember },
    ),
  )
  .step('any', choose({ fine: { when: jq`.worn == []`, then: 'tell' }, worn: { then: 'repair' } }))
  .step(
    'repair',
    attempt(
      {
        both: compensate({
          slot: {
            ...post('slots', jq`$context.worn`),
            metadata: { tutti: { undo: [{ free: post('freed', jq`.output`) }] } },
          },
          part: post('parts', jq`$context.worn`),
        }),
        done: set({ planned: true }),
      },
      {
        do: {
          ask: human(
            { title: jq`"No repair of \($context.worn | join(", ")): what now?"` },
            { output: { as: jq`{planned: false, instead: .answer}` } },
          ),
        },
      },
    ),
  )
  .step(
    'sum',
    set({
      worn: jq`$context.worn`,
      heard: jq`$context.heard`,
      repair: jq`.`,
      model: jq`$context.model`,
    }),
  )
  .step(
    'tell',
    tried('event', emit({ type: 'plant.heard', data: jq`.` }, { output: { as: '.data' } })),
  )
  .build()
