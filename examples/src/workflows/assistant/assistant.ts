// Assistant
//
// Somebody on the floor asks, with a picture and a sound of the machine: two models look and listen at the same time, and a
// language model answers. The large one has a second; after that the small one answers, so that nobody waits longer.

import { attempt, defineWorkflow, emit, infer, jq, parallel, set } from '@tutti/sdk/workflow'
import { tried } from '../tried.ts'

/** People turn away after two seconds; who asks may say how long they stay. */
const patience = jq`$workflow.input.patience // {seconds: 1}`
const remember = { as: jq`$context + .` }
const labels = ['good', 'scratch', 'hole', 'dent']
const image = {
  ...{ name: 'image', datatype: 'FP32', shape: [1, 1, 24, 24] },
  data: jq`$workflow.input.image`,
}
const window = {
  ...{ name: 'window', datatype: 'FP32', shape: [1, 64] },
  data: jq`$workflow.input.sound`,
}
const chat = (route: string) =>
  infer(
    {
      route,
      messages: [
        { role: 'system', content: 'Answer whoever stands at the machine, in one sentence.' },
        { role: 'user', content: jq`$context | tojson` },
      ],
    },
    { output: { as: jq`{answer: .content, by: "${route}"}` } },
  )
const late = {
  with: { type: 'https://open-workflow-specification.org/dsl/errors/types/timeout' },
}

export const assistant = defineWorkflow({
  namespace: 'plant',
  name: 'assistant',
  version: '1.0.0',
  title: 'Answers whoever stands at a machine',
})
  .step(
    'perceive',
    parallel({
      look: {
        ...tried(
          'vision',
          infer(
            { route: 'parts', inputs: [image] },
            {
              output: {
                as: jq`.outputs[0].data | ${JSON.stringify(labels)}[index(max)]`,
              },
            },
          ),
        ),
        if: jq`.image != null`,
      },
      listen: {
        ...tried(
          'hearing',
          infer(
            { route: 'vibration', inputs: [window] },
            { output: { as: jq`.outputs[0].data[0] > $workflow.input.threshold` } },
          ),
        ),
        if: jq`.sound != null`,
      },
    }),
  )
  .step(
    'know',
    set(
      {
        question: jq`$workflow.input.text`,
        plate: jq`if $workflow.input.image == null then null else .[0] end`,
        soundsWorn: jq`if $workflow.input.sound == null then null else .[1] end`,
      },
      { export: remember },
    ),
  )
  .step(
    'answer',
    attempt(
      { large: { ...tried('model', chat('large')), timeout: { after: patience } } },
      { errors: late, do: { small: tried('model', chat('small')) } },
    ),
  )
  .step('sum', set({ answer: jq`.answer`, by: jq`.by`, seen: jq`$context.plate` }))
  .step(
    'tell',
    tried('event', emit({ type: 'plant.answered', data: jq`.` }, { output: { as: '.data' } })),
  )
  .build()
