// Conformance: Magika
//
// A real upgrade over a fleet: Google's file-type classifier from v2_1 to v3_3, with a faster variant for a
// weak node. Golden data and accuracy come from its sample files, each in a folder named by its label.

import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Golden } from '@tutti/core/fleet'
import { deploy, infer, type LocalFleet, startLocalFleet } from './local-fleet.ts'
import { type PublicVariant, tensor, writeModelFolder } from './model-folder.ts'
import { type Score, Scoring } from './score.ts'

interface Config {
  readonly beg_size: number
  readonly mid_size: number
  readonly end_size: number
  readonly padding_token: number
  readonly block_size: number
  readonly min_file_size_for_dl: number
  readonly target_labels_space: readonly string[]
}

interface Sample {
  readonly label: string
  readonly bytes: Buffer
}

export async function magika(data: string): Promise<Score> {
  const folder = join(data, 'models/magika')
  const samples = readSamples(join(folder, 'tests/basic'))
  const fleet = await startLocalFleet([{ name: 'strong' }, { name: 'weak', memoryMiB: 64 }])
  const scoring = new Scoring()
  try {
    const versions = [
      { version: 'v2', variants: ['standard_v2_1', 'fast_v2_1'] },
      { version: 'v3', variants: ['standard_v3_3'] },
    ]
    for (const { version, variants } of versions) {
      await pushVersion(fleet, folder, { version, variants, samples })
      await deploy(fleet, 'magika', `magika:${version}`)
      await judgeVersion(fleet, folder, { version, variants, samples, scoring })
    }
    return scoring.score
  } finally {
    await fleet.stop()
  }
}

interface Version {
  readonly version: string
  /** Best first; with two, the second is for nodes with little memory. */
  readonly variants: readonly string[]
  readonly samples: readonly Sample[]
}

async function pushVersion(fleet: LocalFleet, folder: string, of: Version): Promise<void> {
  const target = join(fleet.folder, `magika-${of.version}`)
  mkdirSync(target)
  const variants = of.variants.map((name, i): PublicVariant => {
    const config = readConfig(join(folder, name))
    const memoryMiB = of.variants.length > 1 && i === 0 ? 128 : 16
    return {
      name: name.replaceAll('_', '-'),
      file: join(folder, name, 'model.onnx'),
      inputs: [tensor('bytes', 'INT32', -1, sizeOf(config))],
      outputs: [tensor('target_label', 'FP32', -1, config.target_labels_space.length)],
      golden: goldenOf(config, of.samples),
      memoryMiB,
    }
  })
  writeModelFolder(target, { model: 'magika', version: of.version }, variants)
  await fleet.tutti('model', 'push', target)
}

async function judgeVersion(
  fleet: LocalFleet,
  folder: string,
  { version, variants, samples, scoring }: Version & { readonly scoring: Scoring },
): Promise<void> {
  const seen = new Set<string>()
  let right = 0
  for (const { label, bytes } of samples) {
    // Variants take inputs of different widths, and chance says whose node is asked.
    for (let attempt = 0; attempt < attemptsMax; attempt++) {
      const config = readConfig(join(folder, variants[attempt % variants.length] ?? ''))
      const data = featuresOf(bytes, config)
      const input = { name: 'bytes', datatype: 'INT32', shape: [1, sizeOf(config)], data }
      const answer = await infer(fleet, 'magika', { inputs: [input] })
      if (answer.status !== 200) continue // another variant's node: it refuses this width
      seen.add(answer.variant)
      const scores = (answer.outputs[0]?.data ?? []).map(Number)
      if (config.target_labels_space[scores.indexOf(Math.max(...scores))] === label) right += 1
      scoring.check(answer.version === version, `${label}: answered by ${answer.version}`)
      break
    }
  }
  const share = right / samples.length
  scoring.check(share >= 0.85, `${version}: ${right} of ${samples.length} labels right`)
  if (variants.length > 1) {
    scoring.check(
      seen.size > 1,
      `${version}: only ${[...seen].join()} answered, expected both variants`,
    )
  }
}

/** The label's one-hot row as the promised answer; most of the samples must agree. */
function goldenOf(config: Config, samples: readonly Sample[]): Golden {
  const labels = config.target_labels_space
  return {
    comparison: { kind: 'label', output: 'target_label', agreementMin: 0.85 },
    cases: samples.map(({ label, bytes }) => ({
      inputs: [
        {
          name: 'bytes',
          datatype: 'INT32',
          shape: [1, sizeOf(config)],
          data: featuresOf(bytes, config),
        },
      ],
      outputs: [
        {
          ...{ name: 'target_label', datatype: 'FP32' as const, shape: [1, labels.length] },
          data: labels.map((one) => (one === label ? 1 : 0)),
        },
      ],
    })),
  }
}

const attemptsMax = 40 // that all of them meet the wrong one of two nodes has a chance of 2^-40

const whiteSpace = new Set([9, 10, 11, 12, 13, 32])

/** Magika's features: the first and last bytes of a file without its outer white space, padded. */
function featuresOf(file: Buffer, config: Config): number[] {
  const block = Math.min(config.block_size, file.length)
  let begin = 0
  while (begin < block && whiteSpace.has(file[begin] ?? 0)) begin++
  let end = file.length
  while (end > file.length - block && whiteSpace.has(file[end - 1] ?? 0)) end--
  const features = new Array<number>(sizeOf(config)).fill(config.padding_token)
  const head = file.subarray(begin, block).subarray(0, config.beg_size)
  for (const [i, byte] of head.entries()) features[i] = byte
  const tail = file.subarray(file.length - block, end).subarray(-config.end_size)
  const start = features.length - tail.length
  if (config.end_size > 0) for (const [i, byte] of tail.entries()) features[start + i] = byte
  return features
}

function sizeOf({ beg_size, mid_size, end_size }: Config): number {
  return beg_size + mid_size + end_size
}

function readConfig(folder: string): Config {
  return JSON.parse(readFileSync(join(folder, 'config.min.json'), 'utf8'))
}

/** The first file of every folder; files too small for a model are left to Magika's own rules. */
function readSamples(folder: string): Sample[] {
  return readdirSync(folder).flatMap((label) => {
    const [name] = readdirSync(join(folder, label))
    const bytes = name === undefined ? Buffer.alloc(0) : readFileSync(join(folder, label, name))
    return bytes.length < 16 ? [] : [{ label, bytes }]
  })
}
