// Keep of
//
// What a task says is to become of its result: kept for the same call, kept in the content store.

import { taskPropertiesOf } from '../document/index.ts'
import type { Keep } from './command.ts'
import type { Site, Stage } from './stage.ts'

/** Undefined where it says nothing. */
export function keepOf(stage: Stage, site: Pick<Site, 'item' | 'scope'>): Keep | undefined {
  const { task } = site.item
  if (task.metadata === undefined) return undefined
  const { cache, artifact } = taskPropertiesOf(task)
  if (cache === undefined && artifact === undefined) return undefined
  const input = 'input' in site ? (site as Site).input : null
  const keyOf = (source: string) =>
    stage.expressions.evaluate(source, input, stage.sight({ ...site, input }))
  return {
    cache:
      cache === undefined
        ? null
        : { ttlMs: cache.ttl, key: cache.key === undefined ? null : keyOf(cache.key) },
    artifact:
      artifact === undefined
        ? null
        : { name: artifact.name, mediaType: artifact.mediaType ?? null },
  }
}
