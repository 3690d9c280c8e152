// Make models
//
// Trains every model of the examples and writes their folders. Same sources, same bytes.

import { type MadeModel, writeModelFolder } from './model-folder.ts'
import { type Effort, fullEffort, partsModels, trainPartsNetworks } from './parts-models.ts'
import { trainDetector, vibrationModel } from './vibration-model.ts'

/** Writes parts v1 to v4 and vibration v1 below `outFolder`; the training blocks this thread. */
export async function makeModels(
  outFolder: string,
  effort: Effort = fullEffort,
): Promise<MadeModel[]> {
  const drafts = [...partsModels(trainPartsNetworks(effort)), vibrationModel(trainDetector())]
  return Promise.all(drafts.map((draft) => writeModelFolder(outFolder, draft)))
}
