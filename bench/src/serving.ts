// Bench: serving
//
// Claim: a thousand hot swaps under load fail no request, keep p99 within 3× of steady, and leave memory
// flat; and the batcher gives at least 3× on a model that gains from batches and never costs more than 5 %
// on one that does not. Real models, real workers; HTTP is left out.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ModelSpec, modelSpec, type Variant } from '@tutti/core/fleet'
import { makeModels, quickEffort } from '@tutti/examples/models'
import { ModelServer, type ServedModel, Telemetry } from '@tutti/node/serving'
import { report, round } from './report.ts'

const swaps = Number(process.env['TUTTI_BENCH_SWAPS'] ?? 1_000)
const clients = 8
const batchClients = 64
const phaseMs = 5_000
const bounds = { failed: 0, p99Ratio: 3, memoryRatio: 1.2, gain: 3, loss: 0.95 }

interface Folder {
  readonly spec: ModelSpec
  readonly path: string
}

export async function serving(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'tutti-bench-serving-'))
  try {
    await makeModels(folder, quickEffort)
    const parts = ['parts-v1', 'parts-v2'].map((name) => read(folder, name))
    const swapped = await swapUnderLoad(parts)
    const gains = [
      await gainOf(read(folder, 'vibration-v1')),
      await gainOf(read(folder, 'parts-v1')),
    ]
    tell({ ...swapped, gains })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function read(parent: string, name: string): Folder {
  const path = join(parent, name)
  return { spec: modelSpec.parse(JSON.parse(readFileSync(join(path, 'model.json'), 'utf8'))), path }
}

async function swapUnderLoad(models: readonly Folder[]) {
  const server = new ModelServer({ telemetry: new Telemetry(), threads: 1 })
  const stage = (swap: number) => stageOf(server, pick(models, swap), { release: swap })
  await server.activate(await stage(0))
  const steady = await load(server, 'parts', () => wait(phaseMs))
  let firstRss = 0
  const swapping = await load(server, 'parts', async () => {
    for (let swap = 1; swap <= swaps; swap++) {
      await server.activate(await stage(swap))
      if (swap === Math.ceil(swaps / 10)) firstRss = process.memoryUsage().rss
    }
  })
  const memoryRatio = process.memoryUsage().rss / firstRss
  await server.stop()
  return {
    failed: steady.failed + swapping.failed,
    answered: swapping.latencies.length,
    p99Ratio: p99(swapping.latencies) / p99(steady.latencies),
    memoryRatio,
  }
}

/** Requests a second with the batcher over those without. */
async function gainOf(model: Folder): Promise<{ readonly model: string; readonly gain: number }> {
  const rate = async (batchMax: number) => {
    const server = new ModelServer({ telemetry: new Telemetry(), threads: 1 })
    await server.activate(await stageOf(server, model, { release: 0, batchMax }))
    await load(server, model.spec.model, () => wait(phaseMs), batchClients) // it settles first
    const { latencies } = await load(server, model.spec.model, () => wait(phaseMs), batchClients)
    await server.stop()
    return latencies.length
  }
  const alone = await rate(1)
  return { model: model.spec.model, gain: (await rate(variantOf(model).batchMax)) / alone }
}

function stageOf(
  server: ModelServer,
  model: Folder,
  of: { readonly release: number; readonly batchMax?: number },
): Promise<ServedModel> {
  const variant = variantOf(model)
  return server.stage({
    model: model.spec.model,
    version: model.spec.version,
    release: `sha256:${of.release}`, // every swap loads anew
    variant: { ...variant, batchMax: of.batchMax ?? variant.batchMax },
    entryPath: join(model.path, variant.files[0]?.path ?? ''),
  })
}

function variantOf({ spec }: Folder): Variant {
  return pick(spec.variants, 0)
}

/** Clients that ask one after the other for as long as the work takes. */
async function load(
  server: ModelServer,
  name: string,
  work: () => Promise<void>,
  count = clients,
): Promise<{ readonly latencies: readonly number[]; readonly failed: number }> {
  const latencies: number[] = []
  let failed = 0
  let isOver = false
  const client = async () => {
    while (!isOver) {
      const startMs = performance.now()
      try {
        await ask(server.resolve(name, null))
        latencies.push(performance.now() - startMs)
      } catch {
        failed += 1 // counted: the claim is that there is none
      }
    }
  }
  const asking = Array.from({ length: count }, client)
  await work()
  isOver = true
  await Promise.all(asking)
  return { latencies, failed }
}

async function ask(model: ServedModel): Promise<void> {
  const inputs = model.signature.inputs.map(({ name, shape }) => {
    const sizes = shape.map((size) => (size === -1 ? 1 : size))
    const data = new Float32Array(sizes.reduce((product, size) => product * size, 1))
    return { name, datatype: 'FP32' as const, shape: sizes, data }
  })
  const outputs = model.signature.outputs.map(({ name }) => name)
  await model.infer(inputs, outputs, null)
}

function tell(seen: {
  readonly failed: number
  readonly answered: number
  readonly p99Ratio: number
  readonly memoryRatio: number
  readonly gains: readonly { readonly model: string; readonly gain: number }[]
}): void {
  const best = Math.max(...seen.gains.map(({ gain }) => gain))
  const least = Math.min(...seen.gains.map(({ gain }) => gain))
  const rows = [
    { what: `failed of ${seen.answered} in ${swaps} swaps`, value: seen.failed, bound: '0' },
    { what: 'p99 in swaps / steady', value: round(seen.p99Ratio), bound: `≤ ${bounds.p99Ratio}` },
    {
      what: 'memory, end / tenth',
      value: round(seen.memoryRatio),
      bound: `≤ ${bounds.memoryRatio}`,
    },
    ...seen.gains.map(({ model, gain }) => ({
      what: `batcher on ${model}`,
      value: round(gain),
      bound: `≥ ${bounds.loss}, best ≥ ${bounds.gain}`,
    })),
  ]
  report(rows, {
    ...{ bench: 'serving', metric: `p99 during ${swaps} hot swaps`, value: round(seen.p99Ratio) },
    ...{ unit: 'of steady', peer: 'bound 3', ratio: round(seen.p99Ratio / bounds.p99Ratio) },
  })
  const isWithin =
    seen.failed === 0 && seen.p99Ratio <= bounds.p99Ratio && seen.memoryRatio <= bounds.memoryRatio
  if (!isWithin || best < bounds.gain || least < bounds.loss) process.exitCode = 1
}

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

function pick<T>(among: readonly T[], index: number): T {
  const one = among[index % among.length]
  if (one === undefined) throw new Error('nothing to pick from')
  return one
}

function p99(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.ceil(sorted.length * 0.99) - 1] ?? 0
}
