// Cases
//
// The workflows of the examples with inputs that lead through all of their steps, and what people answer: for the tests, for
// the judge, and for whoever tries them from the command line.

import { assistant } from './assistant/assistant.ts'
import type { Example } from './engine-bed.ts'
import { loanApplication } from './loan/loan-application.ts'
import { nightlyHistory } from './maintenance/nightly-history.ts'
import { predictiveMaintenance } from './maintenance/predictive-maintenance.ts'
import { qualityControl } from './quality/quality-control.ts'
import { ridePrice } from './ride/ride-price.ts'
import { picture, tonight } from './stand-ins.ts'
import { customerSupport } from './support/customer-support.ts'

/** Where the workflows' systems answer. */
export interface Places {
  /** Shop, bank, plants and city. */
  readonly site: string
  readonly workshop: string
  readonly plane: string
}

export const applicant = {
  ...{ name: 'Ada', income: 5, debtRatio: 0.1, yearsEmployed: 9, latePayments: 0 },
}
const honest = { foreignAddress: 0, atNight: 0, applicationsToday: 1, mailboxYears: 6 }
const payslip = 'Employer: gross salary and tax, net pay of the month is paid to the account'

export const loan = (more: object = {}): Example => ({
  document: loanApplication as Example['document'],
  input: { applicant, amount: 3_000, signals: honest, document: payslip, ...more },
  answer: { approved: true },
})

export const support = ({ site }: Places, text: string): Example => ({
  document: customerSupport as Example['document'],
  input: { text, shop: site },
  answer: { reply: 'We have paid it back.' },
})

export const maintain = ({ site, workshop, plane }: Places, plant: string): Example => ({
  document: predictiveMaintenance as Example['document'],
  others: [nightlyHistory as Example['document']],
  input: { plant: `${site}/${plant}`, workshop, plane, partition: '2026-11-20' },
  answer: 'run it slowly',
})

export const ride = ({ site }: Places, more: object = {}): Example => ({
  document: ridePrice as Example['document'],
  input: { city: site, km: 5, hour: 18, rain: 1, waiting: 30, free: 4, ...more },
})

/** `camera`: what looks; a run that learns changes `parts`, and the next one sees otherwise. */
export const check = (
  { site, workshop, plane }: Places,
  plant: string,
  camera = 'parts',
): Example => ({
  document: qualityControl as Example['document'],
  input: { plant: `${site}/${plant}`, workshop, plane, camera },
  answer: { label: 'dent' },
})

export const ask = (text: string, more: object = {}): Example => ({
  document: assistant as Example['document'],
  input: { text, image: picture, sound: [...(tonight[0] ?? [])], threshold: 0.05, ...more },
})

/** One run of each, through the people in it where there are any. */
export const cases: Readonly<Record<string, (places: Places) => Example>> = {
  loan: () => loan({ amount: 90_000 }),
  support: (places) => support(places, 'I want a refund for 71'),
  maintenance: (places) => maintain(places, 'south'),
  ride: (places) => ride(places),
  quality: (places) => check(places, 'north', 'camera'),
  assistant: () => ask('Tell me in full: what is wrong?', { patience: { milliseconds: 300 } }),
}
