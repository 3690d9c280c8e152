// Quality control
//
// What does the camera see on the plates of this hour? For defects the machine is set right and its spare parts are counted
// down, both or neither. What the model is not sure of people judge; it learns from them, and the new version goes out with
// canaries first.

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
  type Task,
} from '@tutti/sdk/workflow'
import { deployed, ordered, releaseUse, rolledOut } from '../release.ts'
import { tried } from '../tried.ts'

const sureMin = 0.8 // below it a person looks at the plate
const labels = ['good', 'scratch', 'hole', 'dent']
const remember = { as: jq`$context + .` }
const at = (path: string) => jq`$workflow.input.plant + "/${path}"`
const post = (name: string, body: string): Task =>
  tried(name, http({ method: 'post', endpoint: at(name), body }))
const image = { name: 'image', datatype: 'FP32', shape: [1, 1, 24, 24], data: jq`$photo.image` }
/** Whose eyes look: `parts` itself, which learns, or a version that stays as it is. */
const route = jq`$workflow.input.camera // "parts"`
const judged = jq`.outputs[0].data as $shares
  | {plate: $photo.plate, sure: ($shares | max), label: (${JSON.stringify(labels)}
      [$shares | index($shares | max)])}`
const form = {
  ...{ type: 'object', required: ['label'] },
  properties: { label: { enum: labels } },
}
const cause = {
  ...{ type: 'object', required: ['cause', 'parameter', 'value'] },
  properties: {
    ...{ cause: { type: 'string' }, parameter: { type: 'string' }, value: { type: 'number' } },
  },
}

/** Why, and what to set: then the machine and the store, or neither. */
const correct = steps({
  why: tried(
    'words',
    infer(
      {
        route: 'engineer',
        messages: [{ role: 'user', content: jq`$context.bad | map(.label) | tojson` }],
        output: cause,
      },
      { output: { as: '.content' } },
    ),
  ),
  know: set({ cause: jq`.` }, { export: remember }),
  both: attempt(
    {
      saga: compensate({
        parameter: {
          ...post('parameter', jq`$context.cause`),
          metadata: { tutti: { undo: [{ back: post('back', jq`.input`) }] } },
        },
        stock: post('stock', jq`{part: $context.cause.parameter}`),
      }),
      done: set({ corrected: true }, { export: remember }),
    },
    { do: { leave: set({ corrected: false }, { export: remember }) } },
  ),
})

/** People judge what the model is not sure of; a model that has learnt it goes out. */
const learn = steps({
  ask: map(
    { in: jq`$context.unsure`, each: 'photo' },
    {
      judge: human(
        {
          title: jq`"What is on plate \($photo.plate)?"`,
          ...{ form, assignee: { role: 'inspector' } },
          seen: jq`$photo.seen`,
        },
        { output: { as: jq`{image: $photo.image, label: .answer.label}` } },
      ),
    },
  ),
  train: {
    ...ordered('train', { recipe: 'parts', order: { judged: jq`.` } }),
    export: { as: jq`$context + {model: .model}` },
  },
  push: ordered('push', { model: jq`$context.model` }),
  begin: deployed({
    name: 'parts',
    model: jq`$context.model`,
    strategy: { soakMs: 0, canary: { perStratum: 1 } },
  }),
  end: rolledOut('parts'),
})

export const qualityControl = defineWorkflow(
  {
    namespace: 'plant',
    name: 'quality-control',
    version: '1.0.0',
    title: 'Quality control of stamped plates',
  },
  { use: releaseUse, schedule: { cron: '0 * * * *' } },
)
  .step('photos', {
    ...tried('camera', http({ method: 'get', endpoint: at('photos') })),
    export: { as: jq`{photos: .}` },
  })
  .step(
    'look',
    map(
      { in: jq`$context.photos`, each: 'photo', maxConcurrency: 4 },
      {
        see: tried('model', infer({ route, inputs: [image] }, { output: { as: judged } })),
      },
    ),
  )
  .step(
    'sort',
    set(
      {
        bad: jq`map(select(.sure >= ${sureMin} and .label != "good"))`,
        unsure: jq`[., $context.photos] | transpose
          | map(select(.[0].sure < ${sureMin}) | .[1] + {seen: .[0]})`,
        good: jq`map(select(.sure >= ${sureMin} and .label == "good")) | length`,
      },
      { export: { as: jq`.` } },
    ),
  )
  .step(
    'any',
    choose({ bad: { when: jq`$context.bad != []`, then: 'correct' }, none: { then: 'doubts' } }),
  )
  .step('correct', correct)
  .step(
    'doubts',
    choose({ some: { when: jq`$context.unsure != []`, then: 'learn' }, none: { then: 'sum' } }),
  )
  .step('learn', learn)
  .step(
    'sum',
    set({
      good: jq`$context.good`,
      bad: jq`$context.bad | map({plate, label})`,
      asked: jq`$context.unsure | map(.plate)`,
      cause: jq`$context.cause.cause`,
      corrected: jq`$context.corrected // false`,
      model: jq`$context.model`,
    }),
  )
  .step(
    'tell',
    tried('event', emit({ type: 'plant.checked', data: jq`.` }, { output: { as: '.data' } })),
  )
  .build()
