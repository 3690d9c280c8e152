// tutti model init: from a bare ONNX file to a folder that push takes.

import { createHash } from 'node:crypto'
import { createReadStream, existsSync, statSync } from 'node:fs'
import { basename, dirname, join, relative, sep } from 'node:path'
import { type ModelFile, modelSpec, type Prediction, type Variant } from '@tutti/core/fleet'
import { findingsOf } from '@tutti/core/kinds'
import { formatFinding } from '@tutti/core/resource'
import type { VariantDraft } from '@tutti/node'
import { type Command, Option } from 'commander'
import { stringify } from 'yaml'
import { Failure } from '../failure.ts'
import { print, printJson, replaceFile } from '../home/index.ts'
import { withExamples } from './shared-options.ts'

interface InitOptions {
  readonly name: string
  readonly task: string
  readonly precision: Variant['precision']
  readonly weights: readonly string[]
  readonly labels?: string
  readonly force?: boolean
  readonly json?: boolean
}

export function addModelInit(group: Command): void {
  const init = group
    .command('init')
    .argument('<onnx>', 'the ONNX file')
    .requiredOption('--name <model:version>', 'what it is to be called, e.g. parts:v1')
    .option('--task <word>', 'what it does, e.g. classification', 'inference')
    .addOption(
      new Option('--precision <form>', 'precision of its weights')
        .choices(['fp32', 'fp16', 'bf16', 'int8', 'int4'])
        .default('fp32'),
    )
    .option('--weights <files...>', 'files beside it that it refers to', [])
    .option('--labels <names>', 'what the classes of its first output are called: dent,good,hole')
    .option('--force', 'write over a model.yaml that is there')
    .option('--json', 'print JSON')
    .description('describe an ONNX file: writes model.yaml and golden.json beside it')
  withExamples(
    init,
    'tutti model init ./parts/model.onnx --name parts:v1',
    'tutti model init ./parts/model.onnx --name parts:v1 --labels dent,good,hole,scratch',
    'tutti model push ./parts',
  )
  init.action(initModel)
}

async function initModel(path: string, options: InitOptions): Promise<void> {
  const folder = dirname(path)
  const target = join(folder, 'model.yaml')
  for (const file of [path, ...options.weights]) {
    if (!existsSync(file)) throw new Failure('tutti/file-unreadable', `${file} is not there`)
    if (relative(folder, file).startsWith(`..${sep}`)) {
      throw new Failure('tutti/model-invalid', `${file} must lie in ${folder}, as ${path} does`)
    }
  }
  if (existsSync(target) && options.force !== true) {
    const message = `${target} is there already: --force writes over it`
    throw new Failure('tutti/argument-invalid', message)
  }
  const { draftVariant } = await import('@tutti/node') // for this command alone
  const draft = await draftVariant({ entryPath: path, weightPaths: options.weights })
  const goldenPath = join(folder, 'golden.json')
  if (draft.golden.ok) replaceFile(goldenPath, goldenText(draft.golden.file), 0o644)
  const paths = [path, ...options.weights, ...(draft.golden.ok ? [goldenPath] : [])]
  const files = await Promise.all(paths.map((file) => fileOf(folder, file)))
  replaceFile(target, stringify(specOf(files, draft, options)), 0o644)
  if (options.json === true) {
    const golden = draft.golden.ok ? draft.golden.file.cases.length : null
    return printJson({ folder, files: files.map((file) => file.path), golden })
  }
  print(describeDraft(target, draft))
}

function goldenText(file: unknown): string {
  return `${JSON.stringify(file)}\n`
}

function specOf(files: readonly ModelFile[], draft: VariantDraft, options: InitOptions): unknown {
  const [model, version] = options.name.split(':')
  const { inputs, outputs, batchMax } = draft
  const { precision, task } = options
  const variant = {
    ...{ name: precision, format: 'onnx', precision, files },
    ...(draft.golden.ok ? { golden: 'golden.json' } : {}),
    ...{ inputs, outputs, batchMax },
  }
  const prediction = predictionOf(draft, options.labels)
  const labelled = prediction === null ? {} : { prediction }
  const spec = { model, version, task, ...labelled, variants: [variant] }
  const parsed = modelSpec.safeParse(spec)
  if (parsed.success) return spec
  const findings = findingsOf(parsed.error, '', modelSpec).map(formatFinding)
  throw new Failure('tutti/model-invalid', findings.join('\n'))
}

function predictionOf({ outputs }: VariantDraft, labels: string | undefined): Prediction | null {
  const output = outputs[0]?.name
  if (labels === undefined || output === undefined) return null
  return { kind: 'argmax', output, labels: labels.split(',') }
}

function describeDraft(target: string, { inputs, outputs, batchMax, golden }: VariantDraft) {
  const tensors = (list: VariantDraft['inputs']) =>
    list.map(({ name, datatype, shape }) => `${name} ${datatype} [${shape}]`).join(', ')
  const proof = golden.ok
    ? `${golden.file.cases.length} golden cases, as this machine answered them`
    : `none: ${golden.reason}; add a golden file yourself, or nodes only prove that it loads`
  return [
    `inputs   ${tensors(inputs)}`,
    `outputs  ${tensors(outputs)}`,
    `batches  ${batchMax === 1 ? 'no: its first dimension is fixed' : `up to ${batchMax}`}`,
    `golden   ${proof}`,
    `${target} is written: look it over, then tutti model push ${dirname(target)}`,
  ].join('\n')
}

async function fileOf(folder: string, path: string): Promise<ModelFile> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path)) hash.update(chunk)
  const digest = `sha256:${hash.digest('hex')}`
  const name = relative(folder, path) || basename(path)
  return { path: name.split(sep).join('/'), digest, sizeBytes: statSync(path).size }
}
