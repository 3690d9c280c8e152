// The graph counts, weighs and answers as the training does, questions of which nothing is known included.

import { expect, test } from 'vitest'
import { encodeOnnx } from '../../models/onnx-writer.ts'
import { loadOnnx, probe } from '../../models/run-onnx.ts'
import { intentGraph, intentModel } from './intent-model.ts'
import { codePointsOf, featuresOf, textWidth } from './ngrams.ts'
import { chancesOf, classifyText, trainIntents } from './train-intents.ts'

const words = {
  weather: ['will it rain in rome', 'how warm is it today', 'is rain coming to me'],
  money: ['pay my bill today', 'how much money is in my bank', 'send money to my bank'],
  music: ['play a song for me', 'next song please', 'play that song in my room'],
}
const questions = Object.entries(words).flatMap(([intent, texts]) =>
  texts.flatMap((text) => [
    { text, intent },
    { text: `please ${text}`, intent },
    { text: `${text} now`, intent },
  ]),
)
const classifier = trainIntents(questions, 12)

test('what was learnt is found again, also in other words', () => {
  for (const { text, intent } of questions) expect(classifyText(classifier, text)).toBe(intent)
  expect(classifyText(classifier, 'Play another SONG')).toBe('music')
})

test('the graph gives the chances of the training', async () => {
  const run = await loadOnnx(encodeOnnx(intentGraph(classifier)))
  const texts = [
    ...questions.map(({ text }) => text),
    'ЖЖ',
    '',
    'x'.repeat(400),
    'rain '.repeat(99),
  ]
  const points = Int32Array.from(texts.flatMap((text) => [...codePointsOf(text)]))
  const [chances, intent] = await run('text', [texts.length, textWidth], points)
  for (const [i, text] of texts.entries()) {
    const own = chancesOf(classifier, featuresOf(classifier.vocabulary, text))
    const width = own.length
    const seen = chances?.data.slice(i * width, (i + 1) * width).map(Number) ?? []
    for (const [k, chance] of own.entries()) expect(seen[k]).toBeCloseTo(chance, 4)
    expect(intent?.data[i]).toBe(own.indexOf(Math.max(...own)))
  }
})

test('its golden cases pass the probe of a node, and those of another training do not', async () => {
  const draft = intentModel(classifier, 'v1', questions)
  const onnx = draft.variants[0]?.onnx ?? new Uint8Array()
  expect(await probe(onnx, draft.golden)).toMatchObject({ ok: true })
  const other = trainIntents(questions, 1)
  const wrong = intentModel(other, 'v2', questions)
  expect(await probe(onnx, wrong.golden)).toMatchObject({ ok: false })
})
