// Every example, and every trouble that can come to it: one output.

import type { Outcome } from '@tutti/core/workflow'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { score, trainDetector, vibrationModel } from '../models/vibration-model.ts'
import { takeWindows } from '../models/vibration-series.ts'
import { type Bench, type Example, openBench } from './bench.ts'
import { loanApplication } from './loan/loan-application.ts'
import { loanModels } from './loan/loan-models.ts'
import { predictiveMaintenance } from './maintenance/predictive-maintenance.ts'
import { demandModel, ridePrice } from './ride/ride-price.ts'
import { openSite, type Site } from './site.ts'
import { customerSupport } from './support/customer-support.ts'
import { supportChats, supportPages } from './support/support-chats.ts'

const detector = trainDetector()
/** What the pumps of two plants sound like; the second one's store has no parts. */
function plantPages() {
  const heard = takeWindows(77, 0.5, 6)
  const windows = heard.map(({ window }, i) => ({ name: `pump-${i}`, window: [...window] }))
  const fine = { '/windows': windows, '/slots': { slot: 7 }, '/freed': {} }
  const first = Object.entries(fine).map(([path, page]) => [`/north${path}`, page])
  const second = Object.entries(fine).map(([path, page]) => [`/south${path}`, page])
  return Object.fromEntries([...first, ...second, ['/north/parts', { part: 3 }]])
}
const worn = () =>
  takeWindows(77, 0.5, 6).flatMap(({ window }, i) =>
    score(detector, window) > detector.threshold ? [`pump-${i}`] : [],
  )
const cityPages = {
  ...{ '/hold': { hold: 1 }, '/release': {}, '/send': { sent: true }, '/recall': {} },
  '/drivers': [
    { name: 'Zoe', minutes: 3 },
    { name: 'Bo', minutes: 3 },
    { name: 'Al', minutes: 9 },
  ],
  ...{ '/empty/drivers': [], '/far/hold': { hold: 1 }, '/far/release': {} },
  '/far/drivers': [{ name: 'Al', minutes: 9 }],
}

let site: Site
let bench: Bench
beforeAll(async () => {
  const words = (messages: readonly { readonly content?: string | null | undefined }[]) => {
    const { decision, by, scores } = JSON.parse(messages.at(-1)?.content ?? '{}')
    const reason = `${by} ${decision} it: credit ${scores.credit > 0.7 ? 'good' : 'weak'}`
    return { content: JSON.stringify({ reason }) }
  }
  const chats = { ...supportChats, words }
  const pages = { ...supportPages, ...plantPages(), ...cityPages }
  const vibration = vibrationModel(detector).variants[0]?.onnx ?? new Uint8Array()
  const models = { ...loanModels(), vibration, demand: demandModel() }
  site = await openSite({ models, chats, pages })
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
const maintain = (plant: string): Example => ({
  document: predictiveMaintenance as Example['document'],
  input: { plant: `${site.url}/${plant}`, threshold: detector.threshold },
  answer: 'run it slowly',
})
const ride = (more: object = {}): Example => ({
  document: ridePrice as Example['document'],
  input: { city: site.url, km: 5, hour: 18, rain: 1, waiting: 30, free: 4, ...more },
})
const outputOf = (outcome: Outcome) => {
  if (outcome.status !== 'completed') throw new Error(JSON.stringify(outcome))
  return outcome.output
}
const run = async (example: Example) =>
  outputOf((await bench.run(example, { kind: 'none' })).outcome)

/** In CI a sample of what can go wrong goes wrong, which this makes whole. */
const isThorough = process.env['TUTTI_EVERY_CUT'] === '1'

/** Fails steps once, repeats steps, cuts the engine off at writes: every `stride`-th of each. */
async function survives(example: Example, stride: number): Promise<void> {
  const isTold = (index: number) => isThorough || index % stride === 0
  const whole = await bench.run(example, { kind: 'none' })
  expect(whole.steps.length).toBeGreaterThan(3)
  expect(whole.writes).toBeGreaterThan(2) // what ends together is written together
  let triedAgain = 0 // what fails anyway is tried as often as before
  for (const [index, step] of whole.steps.entries()) {
    if (!isTold(index)) continue
    const failed = await bench.run(example, { kind: 'fail', step })
    expect(failed.outcome, `${step} fails`).toEqual(whole.outcome)
    if (failed.steps.length > whole.steps.length) triedAgain += 1
    const repeated = await bench.run(example, { kind: 'repeat', step })
    expect(repeated.outcome, `${step} is repeated`).toEqual(whole.outcome)
  }
  expect(triedAgain).toBeGreaterThan(0)
  for (let at = 1; at <= whole.writes; at++) {
    if (!isTold(at)) continue
    const turn = at % (2 * stride) === 0 ? (['before'] as const) : (['after'] as const)
    for (const when of isThorough ? (['before', 'after'] as const) : turn) {
      const { outcome } = await bench.run(example, { kind: 'cut', at, when })
      expect(outcome, `cut off ${when} write ${at}`).toEqual(whole.outcome)
    }
  }
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

test('predictive maintenance: what sounds wrong is repaired, or a person says what else', async () => {
  expect(worn().length).toBeGreaterThan(0)
  expect(await run(maintain('north'))).toEqual({
    worn: worn(),
    heard: 6,
    repair: { planned: true },
  })
  expect(await run(maintain('south'))).toMatchObject({
    ...{ worn: worn(), repair: { planned: false, instead: 'run it slowly' } },
  })
})

test('ride price: demand makes the price, the nearest driver drives, nobody pays for no ride', async () => {
  const busy = await run(ride())
  expect(busy).toMatchObject({ driver: 'Bo' })
  const quiet = await run(ride({ hour: 4, rain: 0, waiting: 1, free: 35 }))
  expect(Object(busy).cents).toBeGreaterThan(1.5 * Object(quiet).cents)
  const { outcome } = await bench.run(ride({ city: `${site.url}/empty` }), { kind: 'none' })
  expect(outcome).toMatchObject({ status: 'faulted', error: { status: 404 } })
  const far = await bench.run(ride({ city: `${site.url}/far` }), { kind: 'none' })
  expect(far.outcome).toMatchObject({ status: 'faulted' })
  expect(far.steps.at(-1)).toMatch(/undo\/0\/0\/release/)
})

test('I7: steps fail and are repeated, the engine is cut off at its writes: the same output', async () => {
  await survives(loan({ amount: 90_000 }), 1)
  await survives(support('I want a refund for 71'), 2)
  await survives(maintain('south'), 4)
  await survives(ride(), 3)
}, 240_000)
