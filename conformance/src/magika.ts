// Conformance: Magika
//
// A real upgrade over a fleet: Google's file-type classifier from v2_1 to v3_3, with a faster variant for a
// weak node, under live traffic whose callers tell the true labels. The reference is ONNX Runtime's
// WebAssembly build, run here without the fleet: its scores are the golden data, and what every answer is
// compared with. A version whose labels are mixed up passes the probe; callers' feedback must stop it.

import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Golden } from '@tutti/core/fleet'
import { env, InferenceSession, Tensor } from 'onnxruntime-web'
import { deploy, type LocalFleet, startLocalFleet } from './local-fleet.ts'
import { compareWithReference, featuresOf, readConfig, widthOf } from './magika-features.ts'
import { type Candidate, MagikaTraffic, type Question } from './magika-traffic.ts'
import { tensor, writeModelFolder } from './model-folder.ts'
import { type Score, Scoring } from './score.ts'

const labelsRightMin = 0.9 // of all samples, for the reference as for the fleet
const scoreDifferenceMax = 1e-3 // between native code and WebAssembly

export async function magika(data: string): Promise<Score> {
  const folder = join(data, 'models/magika')
  const scoring = new Scoring()
  const reference = join(folder, 'tests/features_extraction/reference.json.gz')
  const { total, different } = compareWithReference(reference)
  scoring.check(total > 0 && different === 0, `features: ${different} of ${total} differ`)
  const samples = readSamples(join(folder, 'tests/basic'))
  const [standard, fast, next] = [
    await candidateOf(folder, 'standard_v2_1', samples),
    await candidateOf(folder, 'fast_v2_1', samples),
    await candidateOf(folder, 'standard_v3_3', samples),
  ]
  const nodes = [{ name: 'strong-a' }, { name: 'strong-b' }, { name: 'weak', memoryMiB: 64 }]
  const fleet = await startLocalFleet(nodes)
  try {
    await pushVersion(fleet, 'v2', [standard, fast])
    await deploy(fleet, 'magika', 'magika:v2')
    await judgeAnswers(fleet, scoring, standard)
    await judgeAnswers(fleet, scoring, fast)
    await judgeUpgrades(fleet, scoring, { before: [standard, fast], next })
    await judgeAnswers(fleet, scoring, next)
    return scoring.score
  } finally {
    await fleet.stop()
  }
}

/** Traffic goes on throughout: the version with mixed-up labels goes back, the real one stays. */
async function judgeUpgrades(
  fleet: LocalFleet,
  scoring: Scoring,
  { before, next }: { readonly before: readonly Candidate[]; readonly next: Candidate },
): Promise<void> {
  const strategy = { soakMs: 5_000, canary: { perStratum: 1 }, gate: { requestsMin: 60 } }
  const traffic = new MagikaTraffic(fleet, [...before, next])
  try {
    const labels = next.config.target_labels_space
    const mixedUp = [...labels.slice(1), ...labels.slice(0, 1)]
    await pushVersion(fleet, 'v3-mixed-up', [next], mixedUp)
    const why = await deploy(fleet, 'magika', 'magika:v3-mixed-up', strategy).then(
      () => 'it was rolled out',
      (error: unknown) => String(error),
    )
    const isStopped = why.includes('reverted') && why.includes('feedback')
    scoring.check(isStopped, `labels mixed up: expected feedback to stop it, got: ${why}`)
    await pushVersion(fleet, 'v3', [next])
    await deploy(fleet, 'magika', 'magika:v3', strategy)
  } finally {
    await traffic.stop()
  }
  const { answered, failures, feedbackRefused } = traffic.counts
  const failed = `${failures.length} requests failed of ${answered}: ${failures.slice(0, 3)}`
  scoring.check(answered > 0 && failures.length === 0, failed)
  scoring.check(feedbackRefused === 0, `${feedbackRefused} labels were refused as feedback`)
}

/** Every sample, through the gateway, against the reference; and the node that has the variant. */
async function judgeAnswers(
  fleet: LocalFleet,
  scoring: Scoring,
  candidate: Candidate,
): Promise<void> {
  const traffic = new MagikaTraffic(fleet, [])
  const labels = candidate.config.target_labels_space
  const nodes = new Set<string>()
  let right = 0
  for (const question of candidate.questions) {
    const { label } = question
    const answer = await traffic.ask(question, candidate)
    const where = `${candidate.variant}, ${label}`
    if (typeof answer === 'string') {
      scoring.check(false, `${where}: ${answer}`)
      continue
    }
    nodes.add(answer.node)
    const difference = Math.max(
      ...question.scores.map((score, i) => Math.abs(score - (answer.scores[i] ?? Number.NaN))),
    )
    scoring.check(difference <= scoreDifferenceMax, `${where}: scores differ by ${difference}`)
    if (labels[argmax(answer.scores)] === label) right += 1
  }
  const share = right / candidate.questions.length
  scoring.check(share >= labelsRightMin, `${candidate.variant}: ${right} labels right`)
  const asked = [...nodes].sort().join()
  const fits = { 'standard-v2-1': /^strong/, 'fast-v2-1': /^weak$/ }[candidate.variant] ?? /./
  scoring.check(
    [...nodes].every((node) => fits.test(node)),
    `${candidate.variant} was answered by ${asked}`,
  )
}

async function pushVersion(
  fleet: LocalFleet,
  version: string,
  candidates: readonly Candidate[],
  labels = candidates[0]?.config.target_labels_space ?? [],
): Promise<void> {
  const target = join(fleet.folder, `magika-${version}`)
  mkdirSync(target)
  const variants = candidates.map(({ variant, file, config, questions }, i) => ({
    ...{ name: variant, file },
    inputs: [tensor('bytes', 'INT32', -1, widthOf(config))],
    outputs: [tensor('target_label', 'FP32', -1, config.target_labels_space.length)],
    golden: goldenOf(questions),
    memoryMiB: candidates.length > 1 && i === 0 ? 128 : 16, // the first is too much for the weak
  }))
  const prediction = { kind: 'argmax' as const, output: 'target_label', labels: [...labels] }
  writeModelFolder(target, { model: 'magika', version, prediction }, variants)
  await fleet.tutti('model', 'push', target)
}

function goldenOf(questions: readonly Question[]): Golden {
  return {
    comparison: { kind: 'close', absolute: scoreDifferenceMax, relative: 0 },
    cases: questions.map(({ features, scores }) => ({
      inputs: [
        { name: 'bytes', datatype: 'INT32', shape: [1, features.length], data: [...features] },
      ],
      outputs: [
        { name: 'target_label', datatype: 'FP32', shape: [1, scores.length], data: [...scores] },
      ],
    })),
  }
}

interface Sample {
  readonly label: string
  readonly bytes: Buffer
}

/** Runs the model over all samples, here and in WebAssembly. */
async function candidateOf(
  folder: string,
  name: string,
  samples: readonly Sample[],
): Promise<Candidate> {
  env.wasm.numThreads = 1
  const file = join(folder, name, 'model.onnx')
  const config = readConfig(join(folder, name))
  const session = await InferenceSession.create(new Uint8Array(readFileSync(file)), {
    logSeverityLevel: 4,
  })
  const questions: Question[] = []
  for (const { label, bytes } of samples) {
    const features = featuresOf(bytes, config)
    const input = new Tensor('int32', Int32Array.from(features), [1, features.length])
    const { target_label: output } = await session.run({ bytes: input })
    questions.push({ label, features, scores: Array.from(output?.data ?? [], Number) })
  }
  await session.release()
  return { variant: name.replaceAll('_', '-'), file, config, questions }
}

/** The first file of every folder; files too small for a model are left to Magika's own rules. */
function readSamples(folder: string): Sample[] {
  return readdirSync(folder).flatMap((label) => {
    const [name] = readdirSync(join(folder, label)).sort()
    const bytes = name === undefined ? Buffer.alloc(0) : readFileSync(join(folder, label, name))
    return bytes.length < 16 ? [] : [{ label, bytes }]
  })
}

function argmax(scores: readonly number[]): number {
  return scores.indexOf(Math.max(...scores))
}
