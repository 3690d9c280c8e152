import { expect, test } from 'vitest'
import { loadOnnx, probe } from './run-onnx.ts'
import { score, trainDetector, vibrationModel } from './vibration-model.ts'
import { takeWindows, vibrationLabels, windowSamples } from './vibration-series.ts'

const detector = trainDetector()
const draft = vibrationModel(detector)
const onnx = draft.variants[0]?.onnx ?? new Uint8Array()
const windows = takeWindows(201, 0.5, 4_000)

test('training twice gives the same file', () => {
  expect(vibrationModel(trainDetector())).toEqual(draft)
})

test.each(vibrationLabels)('at least 98 of 100 %s windows get their label', (label) => {
  const scores = windows.filter((w) => w.label === label).map((w) => score(detector, w.window))
  const right = scores.filter((s) => s >= detector.threshold === (label === 'anomaly'))
  expect(right.length / scores.length).toBeGreaterThan(0.98)
})

test('the golden outputs come out', async () => {
  expect(await probe(onnx, draft.golden)).toEqual({ ok: true, cases: 32 })
})

test('the runtime and our own scores agree in a batch', async () => {
  const some = windows.slice(0, 64).map(({ window }) => window)
  const run = await loadOnnx(onnx)
  const batch = Float32Array.from(some.flatMap((window) => [...window]))
  const [scores] = await run('window', [some.length, windowSamples], batch)
  expect(scores?.shape).toEqual([some.length])
  for (const [i, window] of some.entries()) {
    expect(Math.abs(Number(scores?.data[i]) - score(detector, window))).toBeLessThan(1e-4)
  }
})
