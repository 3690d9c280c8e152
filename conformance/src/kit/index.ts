// Conformance: our own kit for the Open Workflow Specification
//
// The scenarios of ../../kit/features on a real engine and a real Postgres.

import { fileURLToPath } from 'node:url'
import type { Score } from '../score.ts'
import { runFeatures } from './run-features.ts'

const features = fileURLToPath(new URL('../../kit/features/', import.meta.url))

export async function owsKit(): Promise<Score> {
  return await runFeatures(features)
}
