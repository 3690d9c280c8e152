// Every example, and every trouble that can come to it: one output.

import type { Outcome } from '@tutti/core/workflow'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Bench, type Example, openBench } from './bench.ts'
import { loanApplication } from './loan/loan-application.ts'
import { loanModels } from './loan/loan-models.ts'
import { openSite, type Site } from './site.ts'
import { customerSupport } from './support/customer-support.ts'
import { supportChats, supportPages } from './support/support-chats.ts'

let site: Site
let bench: Bench
beforeAll(async () => {
  const words = (messages: readonly { readonly content?: string | null | undefined }[]) => {
    const { decision, by, scores } = JSON.parse(messages.at(-1)?.content ?? '{}')
    const reason = `${by} ${decision} it: credit ${scores.credit > 0.7 ? 'good' : 'weak'}`
    return { content: JSON.stringify({ reason }) }
  }
  const chats = { ...supportChats, words }
  site = await openSite({ models: loanModels(), chats, pages: supportPages })
  bench = await openBench(site.url)
})
afterAll(async () => {
  await bench.stop()
  site.stop()
})

const applicant = { name: 'Ada', income: 5, debtRatio: 0.1, yearsEmployed: 9, latePayments: 0 }
const honest = { foreignAddress: 0, atNight: 0, applicationsToday: 1, mailboxYears: 6 }
const payslip = 'Employer: gross salary and tax, net pay of the month is paid to the account'
const loan = (more: object = {}): Example => ({
  document: loanApplication as Example['document'],
  input: { applicant, amount: 3_000, signals: honest, document: payslip, ...more },
  answer: { approved: true },
})
const support = (text: string): Example => ({
  document: customerSupport as Example['document'],
  input: { text, shop: site.url },
  answer: { reply: 'We have paid it back.' },
})
const outputOf = (outcome: Outcome) => {
  if (outcome.status !== 'completed') throw new Error(JSON.stringify(outcome))
  return outcome.output
}
const run = async (example: Example) =>
  outputOf((await bench.run(example, { kind: 'none' })).outcome)

/** Fails every step once, repeats every step, cuts the engine off at every write. */
async function survives(example: Example): Promise<number> {
  const whole = await bench.run(example, { kind: 'none' })
  expect(whole.steps.length).toBeGreaterThan(3)
  for (const step of whole.steps) {
    const failed = await bench.run(example, { kind: 'fail', step })
    expect(failed.outcome, `${step} fails`).toEqual(whole.outcome)
    expect(failed.steps.length, step).toBeGreaterThan(whole.steps.length)
    const repeated = await bench.run(example, { kind: 'repeat', step })
    expect(repeated.outcome, `${step} is repeated`).toEqual(whole.outcome)
  }
  for (let at = 1; at <= whole.writes; at++) {
    for (const when of ['before', 'after'] as const) {
      const { outcome } = await bench.run(example, { kind: 'cut', at, when })
      expect(outcome, `cut off ${when} write ${at}`).toEqual(whole.outcome)
    }
  }
  return whole.writes
}

test('loan application: policy grants, refuses, or asks a person above its limit', async () => {
  expect(await run(loan())).toMatchObject({
    ...{ decision: 'granted', by: 'policy', reason: 'policy granted it: credit good' },
  })
  const swindler = { foreignAddress: 1, atNight: 1, applicationsToday: 6, mailboxYears: 0.1 }
  expect(await run(loan({ signals: swindler }))).toMatchObject({ decision: 'refused' })
  const letter = 'Dear friends, thank you for the lovely holiday at the beach we had with you'
  expect(await run(loan({ document: letter }))).toMatchObject({ decision: 'refused' })
  const poor = { ...applicant, income: 1, debtRatio: 0.9, yearsEmployed: 0, latePayments: 4 }
  expect(await run(loan({ applicant: poor }))).toMatchObject({ decision: 'refused' })
  expect(await run(loan({ amount: 90_000 }))).toMatchObject({ decision: 'granted', by: 'ann' })
  const no = { ...loan({ amount: 90_000 }), answer: { approved: false } }
  expect(await run(no)).toMatchObject({ decision: 'refused', by: 'ann' })
})

test('customer support: the agent answers from the history, or a person does', async () => {
  expect(await run(support('Where is my order 71?'))).toEqual({
    ...{ intent: 'track', by: 'agent', reply: 'Your order is shipped.' },
  })
  expect(await run(support('I want a refund for 71'))).toMatchObject({
    ...{ intent: 'refund', by: 'ann', reply: 'We have paid it back.' },
  })
})

test('I7: every step failed and repeated, the engine cut off at every write: the same output', async () => {
  expect(await survives(loan({ amount: 90_000 }))).toBeGreaterThan(5)
  expect(await survives(support('I want a refund for 71'))).toBeGreaterThan(5)
}, 120_000)
