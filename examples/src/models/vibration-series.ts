// Vibration series
//
// What a sensor on a pump's bearing measures, cut into windows of 64 samples: the shaft's turning
// and two harmonics when all is well; knocks of a pitted race, or a loose foot, when it is not.

import { drawNormal, drawUniform, type Random, seededRandom } from './random.ts'

export const vibrationLabels = ['normal', 'anomaly'] as const
export type VibrationLabel = (typeof vibrationLabels)[number]

export const windowSamples = 64

export interface VibrationWindow {
  /** Accelerations in g; multiples of 1/1024, as a converter gives them. */
  readonly window: Float32Array
  readonly label: VibrationLabel
}

/** An endless stream of windows, of which `anomalyShare` (0 to 1) are anomalies. */
export function* vibrationInputs(
  seed: number,
  anomalyShare: number,
): Generator<VibrationWindow, never> {
  const random = seededRandom(seed)
  while (true) {
    const label = random() < anomalyShare ? 'anomaly' : 'normal'
    yield { window: drawWindow(random, label), label }
  }
}

/** The first `count` windows of a stream. */
export function takeWindows(seed: number, anomalyShare: number, count: number): VibrationWindow[] {
  const stream = vibrationInputs(seed, anomalyShare)
  return Array.from({ length: count }, () => stream.next().value)
}

/** The signal at a sample of the window. */
type Signal = (sample: number) => number

const sensorNoise = 0.05
const turnsPerWindow = 4
const harmonicAmplitudes = [1, 0.5, 0.25]

function drawWindow(random: Random, label: VibrationLabel): Float32Array {
  // The load pulls the speed up and down by a percent.
  const turns = turnsPerWindow * drawUniform(random, [0.99, 1.01])
  const running = drawRunning(random, turns)
  const fault = label === 'anomaly' ? drawFault(random, turns) : () => 0
  return Float32Array.from({ length: windowSamples }, (_, sample) => {
    const acceleration = running(sample) + fault(sample) + sensorNoise * drawNormal(random)
    return Math.round(acceleration * 1024) / 1024
  })
}

function drawRunning(random: Random, turns: number): Signal {
  const waves = harmonicAmplitudes.map((amplitude, i) =>
    drawWave(random, turns * (i + 1), amplitude * drawUniform(random, [0.7, 1.3])),
  )
  return (sample) => waves.reduce((sum, wave) => sum + wave(sample), 0)
}

function drawFault(random: Random, turns: number): Signal {
  return random() < 0.5 ? drawKnocks(random) : drawLooseFoot(random, turns)
}

/** A pitted race rings briefly at a high pitch, some three times per window. */
function drawKnocks(random: Random): Signal {
  const every = drawUniform(random, [16, 24])
  const first = drawUniform(random, [0, every])
  const strength = drawUniform(random, [0.6, 1.2])
  return (sample) => {
    const since = (sample - first + windowSamples * every) % every
    return strength * Math.exp(-since / 3) * Math.cos(2.2 * since)
  }
}

/** A loose foot lets the pump rock once every two turns, with all the half harmonics. */
function drawLooseFoot(random: Random, turns: number): Signal {
  const strength = drawUniform(random, [0.3, 0.6])
  const rocking = drawWave(random, turns * 0.5, strength)
  const rattling = drawWave(random, turns * 2.5, strength)
  return (sample) => rocking(sample) + rattling(sample)
}

function drawWave(random: Random, cycles: number, amplitude: number): Signal {
  const phase = drawUniform(random, [0, 2 * Math.PI])
  return (sample) => amplitude * Math.sin((2 * Math.PI * cycles * sample) / windowSamples + phase)
}
