// Loan application
//
// Three models at the same time (will it be repaid, is it fraud, is the document a payslip), then the bank's policy: refuse,
// grant, or ask a person above the limit. A language model says why in words; the decision goes out as an event.

import { choose, defineWorkflow, emit, human, infer, jq, parallel, set } from '@tutti/sdk/workflow'
import { tried } from '../tried.ts'

const limit = 5_000 // euros that policy alone may grant

const score = (route: string, width: number, data: string) =>
  tried(
    route,
    infer(
      { route, inputs: [{ name: 'x', datatype: 'FP32', shape: [1, width], data }] },
      { output: { as: jq`.outputs[0].data[0] * 1000 | round / 1000` } },
    ),
  )

// How often each letter stands in the document: what its model has learnt from.
const letters = jq`(.document | ascii_downcase | explode
    | map(select(. >= 97 and . <= 122) - 97)) as $found
  | [range(26)] | map(. as $letter
    | ($found | map(select(. == $letter)) | length) / ($found | length))`

const form = {
  type: 'object',
  required: ['approved'],
  properties: { approved: { type: 'boolean' } },
}
const reason = { type: 'object', required: ['reason'], properties: { reason: { type: 'string' } } }
const remember = { as: '.' }
const decided = (decision: string) =>
  set({ decision, by: 'policy', scores: jq`$context` }, { export: remember, then: 'explain' })

export const loanApplication = defineWorkflow({
  namespace: 'bank',
  name: 'loan-application',
  version: '1.0.0',
  title: 'Loan application',
})
  .step(
    'score',
    parallel({
      repay: score(
        'credit',
        4,
        jq`.applicant | [.income, .debtRatio, .yearsEmployed, .latePayments]`,
      ),
      cheat: score(
        'fraud',
        4,
        jq`.signals | [.foreignAddress, .atNight, .applicationsToday, .mailboxYears]`,
      ),
      read: score('payslip', 26, letters),
    }),
  )
  .step(
    'weigh',
    set({ credit: jq`.[0]`, fraud: jq`.[1]`, payslip: jq`.[2]` }, { export: remember }),
  )
  .step(
    'policy',
    choose({
      refuse: { when: jq`.fraud > 0.5 or .payslip < 0.5 or .credit < 0.3`, then: 'refused' },
      grant: { when: jq`.credit > 0.7 and $workflow.input.amount <= ${limit}`, then: 'granted' },
      ask: { then: 'person' },
    }),
  )
  .step('refused', decided('refused'))
  .step('granted', decided('granted'))
  .step(
    'person',
    human(
      {
        title: jq`"A loan of \($workflow.input.amount) for \($workflow.input.applicant.name)"`,
        form,
        assignee: { role: 'approver' },
        scores: jq`$context`,
      },
      {
        output: {
          as: jq`(if .answer.approved then "granted" else "refused" end) as $decision
            | {decision: $decision, by, scores: $context}`,
        },
        export: remember,
      },
    ),
  )
  .step(
    'explain',
    tried(
      'words',
      infer(
        {
          route: 'words',
          messages: [{ role: 'user', content: jq`$context | tojson` }],
          output: reason,
        },
        { output: { as: jq`$context + {reason: .content.reason}` } },
      ),
    ),
  )
  .step(
    'tell',
    tried('event', emit({ type: 'bank.loan.decided', data: jq`.` }, { output: { as: '.data' } })),
  )
  .build()
