// Trial
//
// A release on a node between its load and its commit, written down before it is loaded: a model may take the
// whole process with it (an abort in native code, all memory of the machine), and the process that starts
// after it must know. A trial that ends otherwise, well or not, is forgotten.

import { z } from 'zod'
import { digest } from '../resource/index.ts'
import type { InstallState } from './install-state.ts'

export const trial = z.strictObject({
  release: digest,
  /** A new generation of the deployment tries the release anew. */
  generation: z.int().min(0),
  /** How often it was begun; each but the last ended with the process. */
  begun: z.int().min(1),
})
export type Trial = z.infer<typeof trial>

// Power cuts come in the middle of an install, too, but not three times.
const begunMax = 3

/** The trial that begins now; null where the release has ended the process too often. */
export function beginTrial(
  of: Pick<Trial, 'release' | 'generation'>,
  held: Trial | null,
): Trial | null {
  const isAgain = held?.release === of.release && held.generation === of.generation
  const begun = isAgain ? held.begun + 1 : 1
  const { release, generation } = of
  return begun > begunMax ? null : { release, generation, begun }
}

/** True while that release may end the process. */
export function isOnTrial(state: InstallState, { release }: Pick<Trial, 'release'>): boolean {
  switch (state.phase) {
    case 'stage':
    case 'probe':
    case 'active':
    case 'soak':
      return state.release === release
    default:
      return false
  }
}
