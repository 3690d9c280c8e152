// Loan models
//
// Credit, fraud and document models of the loan application, trained on applicants, signals and documents that are drawn
// from a seed.

import type { ModelDraft } from '../../models/model-folder.ts'
import { drawNormal, drawUniform, type Random, seededRandom } from '../../models/random.ts'
import { type Labelled, logisticModel } from '../logistic-model.ts'

const count = 1_500
const seeds = { credit: 31, fraud: 32, payslip: 33 }

export function loanModels(): readonly ModelDraft[] {
  return [
    logisticModel('credit', draw(seeds.credit, applicant)),
    logisticModel('fraud', draw(seeds.fraud, signals)),
    logisticModel('payslip', draw(seeds.payslip, paper)),
  ]
}

function draw(seed: number, one: (random: Random) => Labelled): readonly Labelled[] {
  const random = seededRandom(seed)
  return Array.from({ length: count }, () => one(random))
}

/** Thousands of euros a month, share of it that goes to debts, years in the job, late payments. */
function applicant(random: Random): Labelled {
  const income = drawUniform(random, [1, 8])
  const debtRatio = random()
  const years = drawUniform(random, [0, 20])
  const late = Math.floor(drawUniform(random, [0, 5]))
  const sense = 0.8 * (income - 3) - 5 * (debtRatio - 0.4) + 0.15 * years - 0.9 * late
  const isPositive = sense + drawNormal(random) > 0
  return { features: [income, debtRatio, years, late], isPositive }
}

/** From abroad, at night, applications of that day, years that the mailbox is there. */
function signals(random: Random): Labelled {
  const isPositive = random() < 0.4
  const often = (share: number) => (random() < share ? 1 : 0)
  const features = isPositive
    ? [often(0.7), often(0.8), 2 + Math.floor(random() * 5), random()]
    : [often(0.1), often(0.2), 1 + often(0.1), 1 + random() * 12]
  return { features, isPositive }
}

const payslip = 'gross salary tax social insurance net pay employer month account paid to employee'
const others =
  'dear sir thank you for the invitation we had a lovely holiday at the beach with friends'

/** Some words of a payslip, or of a letter: the share of each letter of the alphabet. */
function paper(random: Random): Labelled {
  const isPositive = random() < 0.5
  const words = (isPositive ? payslip : others).split(' ')
  const text = Array.from({ length: 12 }, () => words[Math.floor(random() * words.length)]).join('')
  const features = Array.from({ length: 26 }, (_, letter) => {
    const code = 97 + letter
    return [...text].filter((one) => one.charCodeAt(0) === code).length / text.length
  })
  return { features, isPositive }
}
