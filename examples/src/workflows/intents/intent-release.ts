// Intent release
//
// From questions to a model that is in use, in one workflow: train, push, try the model on a node of the lab with the questions
// of the published test, refuse it where it knows too few of them, roll it out with canaries beside the one in use.

import { defineWorkflow, emit, http, infer, jq, map, raise, set, steps } from '@tutti/sdk/workflow'
import { deployed, ordered, releaseUse, removed, rolledOut } from '../release.ts'
import { tried } from '../tried.ts'

/** In-scope accuracy that the workflow asks for: what the best service of the paper had. */
export const accuracyMin = 0.917
const trial = 'clinc-trial'
const batch = 100 // questions asked at once: some 64 KB of code points
const remember = { as: jq`$context + .` }

// The model counts characters itself; it is given their code points, and 0 where the question has ended.
const points = jq`[.texts[] | (" " + ascii_downcase + " ") | explode | .[:160]
  | . + [range(160 - length) | 0]] | add`

// How many of the questions asked are right, of those in the model's scope and of the others.
const marks = jq`$context.labels as $labels
  | [.outputs[0].data, $input.intents] | transpose
  | map({scope: (if .[1] == "oos" then "out" else "in" end), right: ($labels[.[0]] == .[1])})
  | group_by(.scope)
  | map({scope: .[0].scope, right: map(select(.right)) | length, total: length})`

const count = (scope: string) =>
  `(map(.[] | select(.scope == "${scope}")) | {right: map(.right) | add, total: map(.total) | add})`

const page = jq`($workflow.input | "\(.workshop)/questions?intents=\(.order.intents)")
  + "&count=${batch}&from=\($from)"`
const shape = jq`[(.texts | length), 160]`
const inputs = [{ name: 'text', datatype: 'INT32', shape, data: points }]
const outputs = [{ name: 'intent' }]
const least = `($workflow.input.accuracyMin // ${accuracyMin})`

export const intentRelease = defineWorkflow(
  {
    namespace: 'models',
    name: 'intent-release',
    version: '1.0.0',
    title: 'Train, judge and release a model of intents',
  },
  { use: releaseUse },
)
  .step('train', {
    ...ordered('train', { recipe: 'intents', order: jq`$workflow.input.order` }),
    export: { as: '.' },
  })
  .step('push', ordered('push', { model: jq`$context.model` }))
  .step(
    'try',
    steps({
      begin: deployed({
        name: trial,
        model: jq`$context.model`,
        strategy: { soakMs: 0, canary: { perStratum: 1 } },
        selector: { matchLabels: { room: 'lab' } },
      }),
      ready: rolledOut(trial),
    }),
  )
  .step(
    'examine',
    map(
      {
        in: jq`[range(0; $context.questions; ${batch})]`,
        each: 'from',
        maxConcurrency: 2, // more would only wait for the one node
      },
      {
        fetch: tried('questions', http({ method: 'get', endpoint: page })),
        ask: tried('model', infer({ route: trial, inputs, outputs }, { output: { as: marks } })),
      },
    ),
  )
  .step(
    'sum',
    set(
      { inScope: jq`${count('in')}`, outOfScope: jq`${count('out')}` },
      {
        output: { as: jq`. + {accuracy: (.inScope.right / .inScope.total)}` },
        export: remember,
      },
    ),
  )
  .step('clear', removed(trial))
  .step(
    'gate',
    raise(
      {
        type: 'urn:tutti:examples:too-few-right',
        status: 422,
        title: 'the model is not released',
        detail: jq`$context | "\(.model) knows \(.accuracy) in scope, expected \(${least})"`,
      },
      { if: jq`$context.accuracy < ${least}` },
    ),
  )
  .step(
    'release',
    steps({
      begin: deployed({
        name: 'clinc',
        model: jq`$context.model`,
        strategy: jq`$workflow.input.strategy`,
      }),
      end: rolledOut('clinc'),
    }),
  )
  .step(
    'result',
    set({
      model: jq`$context.model`,
      accuracy: jq`$context.accuracy`,
      inScope: jq`$context.inScope`,
      outOfScope: jq`$context.outOfScope`,
    }),
  )
  .step(
    'tell',
    tried('event', emit({ type: 'models.released', data: jq`.` }, { output: { as: '.data' } })),
  )
  .build()
