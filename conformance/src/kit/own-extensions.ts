// Conformance: our extensions of the Open Workflow Specification
//
// The scenarios of ../../kit/extensions: tasks and properties that the specification does not have, in the form of a
// proposal that another runtime could check itself by. They count apart from those of the specification.

import { fileURLToPath } from 'node:url'
import type { Score } from '../score.ts'
import { runFeatures } from './run-features.ts'

const features = fileURLToPath(new URL('../../kit/extensions/', import.meta.url))

export async function ownExtensions(): Promise<Score> {
  return await runFeatures(features)
}
