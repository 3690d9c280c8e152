// Recipes
//
// What the workshop can train: an order in, a model out, with what the workflow that ordered it has to know. The same order
// gives the same model, and a model is named after what is in it.

import { createHash } from 'node:crypto'
import { z } from 'zod'
import { type MadeModel, type ModelDraft, writeModelFolder } from '../models/model-folder.ts'
import { partLabels } from '../models/part-image.ts'
import { trainDetector, vibrationModel } from '../models/vibration-model.ts'
import { readClinc } from './intents/clinc-data.ts'
import { intentModel } from './intents/intent-model.ts'
import { trainIntents } from './intents/train-intents.ts'
import { retrainedPartsModel } from './quality/retrain-parts.ts'

const intents = z.object({ intents: z.int().min(2).max(150), epochs: z.int().min(1).max(50) })
const vibration = z.object({ windows: z.array(z.array(z.number()).length(64)).max(10_000) })
const parts = z.object({
  judged: z
    .array(z.object({ image: z.array(z.number()).length(576), label: z.enum(partLabels) }))
    .max(10_000),
})
export const order = z.discriminatedUnion('recipe', [
  z.object({ recipe: z.literal('intents'), order: intents }),
  z.object({ recipe: z.literal('vibration'), order: vibration }),
  z.object({ recipe: z.literal('parts'), order: parts }),
])
export type Order = z.infer<typeof order>

export interface Made {
  /** `NAME:VERSION` */
  readonly model: string
  readonly folder: string
  /** What the training says besides. */
  readonly about: Readonly<Record<string, unknown>>
}

type Draft = Pick<Made, 'about'> & { readonly draft: (version: string) => ModelDraft }

/** Trains, and writes the folder of the model; `clinc` is where the questions of CLINC150 lie. */
export async function make(
  given: Order,
  { parent, clinc }: { readonly parent: string; readonly clinc: string },
): Promise<Made> {
  const { draft, about } = draftOf(given, clinc)
  const hash = createHash('sha256')
  for (const { onnx } of draft('v0').variants) hash.update(onnx)
  const made: MadeModel = await writeModelFolder(
    parent,
    draft(`v-${hash.digest('hex').slice(0, 12)}`),
  )
  const { model, version } = made.spec
  return { model: `${model}:${version}`, folder: made.folder, about }
}

function draftOf(given: Order, clinc: string): Draft {
  switch (given.recipe) {
    case 'intents': {
      const { train, test } = readClinc(clinc, given.order.intents)
      const classifier = trainIntents(train, given.order.epochs)
      const probes = train.filter((_, i) => i % 97 === 0) // of all over the alphabet
      const about = { labels: classifier.labels, questions: test.length }
      return { draft: (version) => intentModel(classifier, version, probes), about }
    }
    case 'vibration': {
      const detector = trainDetector(given.order.windows.map((one) => Float32Array.from(one)))
      const { threshold } = detector
      return { draft: (version) => vibrationModel(detector, version), about: { threshold } }
    }
    case 'parts': {
      const { judged } = given.order
      const draft = retrainedPartsModel(judged, 'v0')
      return { draft: (version) => ({ ...draft, version }), about: { judged: judged.length } }
    }
  }
}
