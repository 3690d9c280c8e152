// Read features: all scenarios of a folder of feature files.

import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseFeature, type Scenario } from './feature.ts'

export async function readFeatures(folder: string): Promise<readonly Scenario[]> {
  const files = (await readdir(folder)).filter((file) => file.endsWith('.feature')).sort()
  const texts = await Promise.all(files.map((file) => readFile(join(folder, file), 'utf8')))
  return texts.flatMap(parseFeature)
}
