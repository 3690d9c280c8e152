// Every example, and every trouble that can come to it: one output.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Outcome } from '@tutti/core/workflow'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { partsModel } from '../models/parts-models.ts'
import { score, trainDetector, vibrationModel } from '../models/vibration-model.ts'
import { type Bench, openBench } from './bench.ts'
import { applicant, ask, check, loan, maintain, type Places, ride, support } from './cases.ts'
import type { Example } from './engine-bed.ts'
import { loanModels } from './loan/loan-models.ts'
import { firstPartsNetwork } from './quality/retrain-parts.ts'
import { demandModel } from './ride/ride-price.ts'
import { openSite, type Site } from './site.ts'
import { chats, history, pages, plates, tonight } from './stand-ins.ts'
import { openWorkshop, type Workshop } from './workshop.ts'

const detector = trainDetector(history.map((window) => Float32Array.from(window)))
const worn = () =>
  tonight.flatMap((window, i) =>
    score(detector, window) > detector.threshold ? [`pump-${i}`] : [],
  )
const folder = mkdtempSync(join(tmpdir(), 'tutti-workshop-'))
let site: Site
let workshop: Workshop
let bench: Bench
let places: Places
beforeAll(async () => {
  const drafts = [
    ...[...loanModels(), demandModel(), vibrationModel(detector)],
    partsModel('v1', firstPartsNetwork()),
  ]
  const onnx = drafts.map(({ model, variants: [best] }) => [model, best?.onnx ?? new Uint8Array()])
  const models = Object.fromEntries(onnx)
  site = await openSite({ models, chats, pages })
  workshop = await openWorkshop({ folder, push: async () => {} })
  places = { site: site.url, workshop: workshop.url, plane: site.url }
  const inference = { url: site.url, key: 'examples' }
  bench = await openBench({ inference, secrets: { release: 'examples' } })
})
afterAll(async () => {
  await bench.stop()
  await workshop.stop()
  site.stop()
  rmSync(folder, { recursive: true, force: true })
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
  expect(await run(support(places, 'Where is my order 71?'))).toEqual({
    ...{ intent: 'track', by: 'agent', reply: 'Your order is shipped.' },
  })
  expect(await run(support(places, 'I want a refund for 71'))).toMatchObject({
    ...{ intent: 'refund', by: 'ann', reply: 'We have paid it back.' },
  })
})

test('predictive maintenance: what sounds wrong is repaired, or a person says what else', async () => {
  expect(worn().length).toBeGreaterThan(0)
  const model = expect.stringMatching(/^vibration:v-/)
  expect(await run(maintain(places, 'north'))).toEqual({
    ...{ worn: worn(), heard: 6, repair: { planned: true }, model },
  })
  expect(await run(maintain(places, 'south'))).toMatchObject({
    ...{ worn: worn(), repair: { planned: false, instead: 'run it slowly' } },
  })
})

test('ride price: demand makes the price, the nearest driver drives, nobody pays for no ride', async () => {
  const busy = await run(ride(places))
  expect(busy).toMatchObject({ driver: 'Bo' })
  const quiet = await run(ride(places, { hour: 4, rain: 0, waiting: 1, free: 35 }))
  expect(Object(busy).cents).toBeGreaterThan(1.5 * Object(quiet).cents)
  const { outcome } = await bench.run(ride(places, { city: `${site.url}/empty` }), { kind: 'none' })
  expect(outcome).toMatchObject({ status: 'faulted', error: { status: 404 } })
  const far = await bench.run(ride(places, { city: `${site.url}/far` }), { kind: 'none' })
  expect(far.outcome).toMatchObject({ status: 'faulted' })
  expect(far.steps.at(-1)).toMatch(/undo\/0\/0\/release/)
})

test('quality control: defects set the machine right, doubts make a new model', async () => {
  const said = Object(await run(check(places, 'north')))
  expect(said).toMatchObject({ corrected: true, model: expect.stringMatching(/^parts:v-/) })
  expect(said.bad.length + said.asked.length + said.good).toBe(plates.length)
  expect(said.bad.length).toBeGreaterThan(0)
  expect(said.asked.length).toBeGreaterThan(0)
  const south = await bench.run(check(places, 'south'), { kind: 'none' }) // its store has no parts
  expect(outputOf(south.outcome)).toMatchObject({ corrected: false })
  expect(south.steps.some((step) => /undo.*back/.test(step))).toBe(true)
})

test('assistant: the large model answers, and the small one where that takes too long', async () => {
  const patient = { patience: { minutes: 1 } }
  const inFull = 'Tell me in full: what is wrong?' // of which the large one never comes to an end
  expect(await run(ask('What is wrong?', patient))).toMatchObject({ by: 'large', seen: 'hole' })
  expect(await run(ask(inFull, { patience: { milliseconds: 50 } }))).toMatchObject({
    ...{ by: 'small', answer: 'It is hole.' },
  })
  const deaf = await run(ask('What is wrong?', { ...patient, image: null, sound: null }))
  expect(deaf).toMatchObject({ by: 'large', seen: null })
})

test('I7: steps fail and are repeated, the engine is cut off at its writes: the same output', async () => {
  await survives(loan({ amount: 90_000 }), 2)
  await survives(support(places, 'I want a refund for 71'), 3)
  await survives(maintain(places, 'south'), 6)
  await survives(ride(places), 4)
  await survives(check(places, 'north'), 7)
  await survives(ask('Tell me in full: what is wrong?', { patience: { milliseconds: 50 } }), 5)
  expect(workshop.trained()).toBe(2) // pumps and plates: never twice, whatever was done again
}, 240_000)
