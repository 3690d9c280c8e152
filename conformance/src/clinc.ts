// Conformance: CLINC150
//
// One workflow trains a model of 150 intents, writes it to ONNX, tries it on a node of the lab with the published test, and
// rolls it out with canaries beside the one in use, while people ask and say what would have been right. A training that
// knows too little is refused, and nothing of it is in use. What is in use at the end is examined once more, from outside.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  accuracyMin,
  type ClincData,
  codePointsOf,
  intentRelease,
  intentsAll,
  openWorkshop,
  readClinc,
  textWidth,
  type Workshop,
} from '@tutti/examples/workflows'
import { infer, type LocalFleet, postFeedback, startLocalFleet } from './local-fleet.ts'
import { type Score, Scoring } from './score.ts'

export const clincData = 'models/clinc150/data_full.json'

/** All of it, or fewer intents and epochs where it has to be quick. */
export interface ClincSize {
  readonly intents: number
  readonly epochs: number
}

const whole: ClincSize = { intents: intentsAll, epochs: 4 }
const room = { room: 'lab' }
const soakMs = 2_000
const asked = 40 // questions that the canary must have answered
const gateway = ['--allow-private-calls'] // the workshop and the control plane are on this machine

export async function clinc(data: string, size: ClincSize = whole): Promise<Score> {
  const path = join(data, clincData)
  const scoring = new Scoring()
  const nodes = [{ name: 'lab', labels: room }, { name: 'shop-a' }, { name: 'shop-b' }]
  const fleet = await startLocalFleet(nodes, gateway)
  const folder = join(fleet.folder, 'workshop')
  const push = (model: string) => fleet.tutti('model', 'push', model)
  const workshop = await openWorkshop({ folder, clinc: path, push })
  try {
    await declare(fleet)
    await judge({ fleet, workshop, data: readClinc(path, size.intents) }, size, scoring)
    return scoring.score
  } finally {
    await workshop.stop()
    await fleet.stop()
  }
}

/** The workflow, and the key with which it acts. */
async function declare(fleet: LocalFleet): Promise<void> {
  const made = await fleet.tutti('key', 'create', 'release', '--roles', 'operator')
  const value = /tutti_release_\S+/.exec(made)?.[0]
  const secret = { apiVersion: 'tutti/v1', kind: 'Secret', metadata: { name: 'release' } }
  const path = join(fleet.folder, 'release.json')
  writeFileSync(path, JSON.stringify({ ...secret, spec: { value } }))
  await fleet.tutti('apply', '-f', path)
  const document = join(fleet.folder, 'intent-release.json')
  writeFileSync(document, JSON.stringify(intentRelease))
  await fleet.tutti('workflow', 'apply', document)
}

interface Bed {
  readonly fleet: LocalFleet
  readonly workshop: Workshop
  readonly data: ClincData
}

async function judge(bed: Bed, size: ClincSize, scoring: Scoring): Promise<void> {
  // The model in use before: half the training, taken as it is.
  const first = { ...size, epochs: Math.max(1, size.epochs / 2) }
  const before = await release(bed, { order: first, accuracyMin: 0.5, strategy: strategy(0) })
  scoring.check(before.status === 'completed', `the first release: ${before.text}`)
  const people = new People(bed)
  const best = await afterRefusal(bed, { size, before, scoring }).finally(() => people.stop())
  scoring.check(best.status === 'completed', `the release: ${best.status}: ${best.text}`)
  const { failures, answered, by } = people.counts
  scoring.check(failures.length === 0, `${failures.length} failed: ${failures.slice(0, 3)}`)
  const [old, next] = [before, best].map(({ model }) => by.get(model.split(':')[1] ?? '') ?? 0)
  scoring.check((old ?? 0) > 0 && (next ?? 0) >= asked, `of ${answered}: ${[...by].join('; ')}`)
  const used = await modelInUse(bed)
  scoring.check(used === best.model, `${used} is in use, not ${best.model}`)
  const trial = await bed.fleet.client.list('deployments')
  const names = trial.map(({ metadata }) => metadata.name)
  scoring.check(names.join() === 'clinc', `deployments at the end: ${names}`)
  const { inScope, outOfScope } = await examine(bed)
  const percent = (share: number) => `${(share * 100).toFixed(2)} %`
  scoring.tell(`accuracy in scope ${percent(inScope)}, out of scope ${percent(outOfScope)}`)
  scoring.check(inScope >= accuracyMin, `in scope: expected ${accuracyMin} at least`)
  const same = Math.abs(inScope - best.accuracy) < 1e-9
  scoring.check(same, `the workflow says ${best.accuracy}, the questions of outside ${inScope}`)
}

/** First one that is refused, then the one that is released, while people ask. */
async function afterRefusal(
  bed: Bed,
  {
    size,
    before,
    scoring,
  }: { readonly size: ClincSize; readonly before: Released; readonly scoring: Scoring },
): Promise<Released> {
  const poor = await release(bed, {
    ...{ order: { ...size, epochs: 1 }, accuracyMin: 0.999 },
    strategy: strategy(asked),
  })
  const isRefused = poor.status === 'faulted' && poor.text.includes('too-few-right')
  scoring.check(isRefused, `a model that knows too little: ${poor.status}: ${poor.text}`)
  const kept = await modelInUse(bed)
  scoring.check(kept === before.model, `after the refusal ${kept} is in use, not ${before.model}`)
  return await release(bed, { order: size, strategy: strategy(asked) })
}

const strategy = (requestsMin: number) => ({
  ...{ soakMs, canary: { perStratum: 1 } },
  gate: { requestsMin },
})

interface Released {
  readonly status: string
  readonly model: string
  readonly accuracy: number
  /** All that the run says of its end. */
  readonly text: string
}

async function release({ fleet, workshop }: Bed, input: object): Promise<Released> {
  const at = { workshop: workshop.url, plane: fleet.url }
  const { id } = await fleet.client.startRun('models.intent-release', {
    input: { ...at, ...input },
  })
  for (;;) {
    const { status, outcome } = await fleet.client.run(id)
    if (outcome === null) {
      await new Promise((resolve) => setTimeout(resolve, 200))
      continue
    }
    const { model = '', accuracy = 0 } = Object(outcome.output)
    return { status, model, accuracy, text: JSON.stringify(outcome) }
  }
}

async function modelInUse({ fleet }: Pick<Bed, 'fleet'>): Promise<unknown> {
  const { spec } = await fleet.client.get({ kind: 'deployments', name: 'clinc' })
  return Object(spec).model
}

/** How much of the published test the model in use knows, asked as everybody asks. */
async function examine({ fleet, data }: Bed) {
  const { spec } = await fleet.client.get({
    kind: 'models',
    name: String(await modelInUse({ fleet })),
  })
  const labels: readonly string[] = Object(spec).prediction.labels
  const counts = { inScope: [0, 0], outOfScope: [0, 0] }
  const size = 100
  for (let from = 0; from < data.test.length; from += size) {
    const page = data.test.slice(from, from + size)
    const points = page.flatMap(({ text }) => [...codePointsOf(text)])
    const input = { name: 'text', datatype: 'INT32', shape: [page.length, textWidth], data: points }
    const answer = await infer(fleet, 'clinc', { inputs: [input] })
    const intents = answer.outputs.find(({ name }) => name === 'intent')?.data ?? []
    for (const [i, { intent }] of page.entries()) {
      const count = intent === 'oos' ? counts.outOfScope : counts.inScope
      count[0] = (count[0] ?? 0) + (labels[Number(intents[i])] === intent ? 1 : 0)
      count[1] = (count[1] ?? 0) + 1
    }
  }
  const share = ([right = 0, total = 1]: readonly number[]) => right / total
  return { inScope: share(counts.inScope), outOfScope: share(counts.outOfScope) }
}

/** They ask one question after the other, and say what would have been right. */
class People {
  readonly #bed: Bed
  readonly #running: Promise<void>
  /** Written by `stop`. */
  #isStopped = false
  /** These are written by `#ask`. */
  readonly #failures: string[] = []
  readonly #by = new Map<string, number>()

  constructor(bed: Bed) {
    this.#bed = bed
    this.#running = this.#ask()
  }

  get counts() {
    const answered = [...this.#by.values()].reduce((sum, count) => sum + count, 0)
    return { failures: this.#failures, answered, by: this.#by }
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    await this.#running
  }

  async #ask(): Promise<void> {
    const { fleet, data } = this.#bed
    for (let turn = 0; !this.#isStopped; turn++) {
      const { text, intent } = data.test[(turn * 37) % data.test.length] ?? { text: '', intent: '' }
      const points = [...codePointsOf(text)]
      const input = { name: 'text', datatype: 'INT32', shape: [1, textWidth], data: points }
      const answer = await infer(fleet, 'clinc', { inputs: [input] })
      if (answer.status !== 200) this.#failures.push(`${answer.status}: ${answer.error}`)
      else await postFeedback(fleet, answer.requestId, intent)
      this.#by.set(answer.version, (this.#by.get(answer.version) ?? 0) + 1)
      await new Promise((resolve) => setTimeout(resolve, 5)) // people do not ask without a pause
    }
  }
}
