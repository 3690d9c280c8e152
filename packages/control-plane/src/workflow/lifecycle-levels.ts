// Lifecycle levels
//
// What projects want to be told of their runs.

import { projectSpec } from '@tutti/core/governance'
import type { News } from '../news.ts'
import { loadResource, type Query, type Sql } from '../store/index.ts'
import { PerProject } from './per-project.ts'
import type { LifecycleLevel } from './telling.ts'

export function openLifecycleLevels({
  sql,
  news,
}: {
  readonly sql: Sql
  readonly news: Pick<News, 'subscribe'>
}): PerProject<LifecycleLevel> {
  return new PerProject({
    news,
    load: (project) => lifecycleLevelOf(sql, project),
    projectOf: (resource) => {
      const [kind, , name = ''] = resource.split('/')
      return kind === 'Project' ? name : null
    },
  })
}

export async function lifecycleLevelOf(sql: Query, project: string): Promise<LifecycleLevel> {
  const resource = await loadResource(sql, { kind: 'Project', project: '', name: project })
  return projectSpec.safeParse(resource?.spec).data?.lifecycleEvents ?? 'none'
}
