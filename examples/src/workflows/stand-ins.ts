// Stand-ins
//
// What the workflows of the examples ask besides models that the fleet serves: language models that are rules, and the
// systems of a plant, a shop, a bank and a city. In real use Providers and real systems stand there.

import { imageSide, liveLighting, takeInputs } from '../models/part-image.ts'
import { takeWindows } from '../models/vibration-series.ts'
import type { Messages, Reply, SiteParts } from './site.ts'
import { supportChats, supportPages } from './support/support-chats.ts'

/** Normal windows of nights before: what the anomaly model learns from. */
export const history = takeWindows(78, 0, 20).map(({ window }) => [...window])
/** Tonight's windows, one pump each. */
export const tonight = takeWindows(77, 0.5, 6).map(({ window }) => window)
/** This hour's plates. */
export const plates = takeInputs(96, liveLighting, 7)

const pumps = tonight.map((window, i) => ({ name: `pump-${i}`, window: [...window] }))
const photos = plates.map(({ image }, i) => ({ plate: `plate-${i}`, image: [...image] }))

/** Of two plants; the second one's store has no parts. */
const plants = Object.fromEntries(
  ['/north', '/south'].flatMap((plant) =>
    Object.entries({
      ...{ '/windows': pumps, '/history': history, '/slots': { slot: 7 }, '/freed': {} },
      ...{ '/photos': photos, '/parameter': { set: true }, '/back': {} },
    }).map(([path, page]) => [`${plant}${path}`, page]),
  ),
)
const city = {
  ...{ '/hold': { hold: 1 }, '/release': {}, '/send': { sent: true }, '/recall': {} },
  '/drivers': [
    { name: 'Zoe', minutes: 3 },
    { name: 'Bo', minutes: 3 },
    { name: 'Al', minutes: 9 },
  ],
  ...{ '/empty/drivers': [], '/far/hold': { hold: 1 }, '/far/release': {} },
  '/far/drivers': [{ name: 'Al', minutes: 9 }],
}
/** A control plane on which every rollout has ended, where no real one is asked. */
const plane = Object.fromEntries(
  ['parts', 'vibration'].map((name) => [
    `/api/v1/deployments/${name}`,
    { status: { state: { phase: 'done' } } },
  ]),
)

export const pages: NonNullable<SiteParts['pages']> = {
  ...{ ...supportPages, ...plants, ...city, ...plane },
  ...{ '/north/parts': { part: 3 }, '/north/stock': { left: 4 } },
}

export const chats: NonNullable<SiteParts['chats']> = {
  ...supportChats,
  words: (messages) => {
    const { decision, by, scores } = told(messages)
    return say({ reason: `${by} ${decision} it: credit ${scores.credit > 0.7 ? 'good' : 'weak'}` })
  },
  engineer: (messages) => {
    const labels: readonly string[] = told(messages)
    const isScratch = labels.filter((label) => label === 'scratch').length * 2 > labels.length
    return isScratch
      ? say({ cause: 'a guide is worn', parameter: 'feed', value: 0.9 })
      : say({ cause: 'the stamp is blunt', parameter: 'pressure', value: 1.1 })
  },
  large: (messages) => {
    const { question, plate } = told(messages)
    if (question.includes('in full')) return { isSilent: true } // it thinks and thinks
    return { content: `The plate is ${plate}: ${plate === 'good' ? 'go on' : 'stop the machine'}.` }
  },
  small: (messages) => ({ content: `It is ${told(messages).plate}.` }),
}

/** A picture of a plate with a hole, and the sound of a pump, for the assistant. */
export const picture = [
  ...(takeInputs(8, liveLighting, 20).find(({ label }) => label === 'hole')?.image ??
    new Float32Array(imageSide ** 2)),
]

function told(messages: Messages) {
  return JSON.parse(messages.at(-1)?.content ?? '{}')
}

function say(answer: object): Reply {
  return { content: JSON.stringify(answer) }
}
