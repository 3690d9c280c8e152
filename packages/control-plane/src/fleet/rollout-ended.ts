// Rollout ended
//
// What workflows hear when a rollout is over, so that nobody has to look at its Deployment again and again.

import type { Assignment, RolloutState } from '@tutti/core/fleet'
import type { CloudEvent } from '@tutti/core/workflow'
import type { Committed } from '../store/index.ts'

interface Status {
  readonly state: RolloutState
  readonly assignment: Assignment
}

/** The event of a Rollout that was committed; null while it is under way. */
export function rolloutEnded({ resource, entry }: Committed): CloudEvent | null {
  const { state, assignment } = resource.status as Status
  const { phase } = state
  if (phase !== 'done' && phase !== 'reverted' && phase !== 'superseded') return null
  const { project, name } = resource.metadata
  return {
    specversion: '1.0',
    type: 'tutti.rollout.ended.v1',
    source: `/projects/${project}/rollouts/${name}`,
    id: String(entry), // of the change's record: said twice it is one
    subject: assignment.deployment,
    data: { deployment: assignment.deployment, generation: assignment.generation, ...state },
  }
}
