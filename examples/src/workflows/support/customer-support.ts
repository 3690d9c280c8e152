// Customer support
//
// What does the customer want, and about which order? An agent looks into the history and answers; what it is not sure of a
// person answers.

import {
  agent,
  choose,
  defineWorkflow,
  emit,
  http,
  human,
  infer,
  jq,
  set,
} from '@tutti/sdk/workflow'
import { tried } from '../tried.ts'

const object = (properties: Readonly<Record<string, { readonly type: string }>>) => ({
  type: 'object',
  required: Object.keys(properties),
  properties,
})
const remember = { as: '.' }
const history = tried(
  'ask',
  http({ method: 'get', endpoint: jq`$workflow.input.shop + "/orders/" + .order` }),
)

export const customerSupport = defineWorkflow({
  namespace: 'shop',
  name: 'customer-support',
  version: '1.0.0',
  title: 'Customer support',
})
  .step(
    'understand',
    tried(
      'intent',
      infer(
        {
          route: 'intents',
          messages: [{ role: 'user', content: jq`.text` }],
          output: object({ intent: { type: 'string' }, order: { type: 'string' } }),
        },
        { output: { as: '.content' }, export: remember },
      ),
    ),
  )
  .step(
    'help',
    tried(
      'agent',
      agent(
        {
          route: 'helper',
          instructions: 'Answer from what the history says. Be sure, or say that you are not.',
          prompt: jq`"\(.intent) about order \(.order)"`,
          tools: [
            {
              name: 'history',
              description: 'What happened to an order',
              parameters: object({ order: { type: 'string' } }),
              do: [{ look: history }],
            },
          ],
          output: object({ reply: { type: 'string' }, isSure: { type: 'boolean' } }),
          limits: { turns: 4, toolCalls: 4, tokens: 20_000 },
        },
        { output: { as: jq`.content + {turns}` } },
      ),
    ),
  )
  .step('sure', choose({ yes: { when: jq`.isSure`, then: 'answer' }, no: { then: 'person' } }))
  .step(
    'person',
    human(
      {
        title: jq`"\($context.intent): what do we answer?"`,
        form: object({ reply: { type: 'string' } }),
        assignee: { role: 'support' },
        draft: jq`.reply`,
      },
      { output: { as: jq`{reply: .answer.reply, by}` } },
    ),
  )
  .step('answer', set({ reply: jq`.reply`, by: jq`.by // "agent"`, intent: jq`$context.intent` }))
  .step(
    'send',
    tried(
      'event',
      emit({ type: 'shop.support.answered', data: jq`.` }, { output: { as: '.data' } }),
    ),
  )
  .build()
