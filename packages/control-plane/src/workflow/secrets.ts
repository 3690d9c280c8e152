// Secrets
//
// The Secrets of a project as a run may name them: as JSON where the value is JSON, else as text. A document sees
// those alone that it declares under `use.secrets`.

import { sealedSecretSpec } from '@tutti/core/governance'
import type { Json } from '@tutti/core/resource'
import type { News } from '../news.ts'
import type { Sql } from '../store/index.ts'
import { PerProject } from './per-project.ts'

export type SecretValues = Readonly<Record<string, Json>>

export interface SecretsPorts {
  readonly sql: Sql
  readonly news: Pick<News, 'subscribe'>
  readonly decrypt: (sealed: string) => string
}

export function openSecrets(ports: SecretsPorts): PerProject<SecretValues> {
  return new PerProject({
    news: ports.news,
    load: (project) => loadSecrets(ports, project),
    projectOf: (resource) => {
      const [kind, project = ''] = resource.split('/')
      return kind === 'Secret' ? project : null
    },
  })
}

async function loadSecrets(
  ports: Pick<SecretsPorts, 'sql' | 'decrypt'>,
  project: string,
): Promise<SecretValues> {
  const rows = await ports.sql<{ name: string; spec: unknown }[]>`
    select name, spec from resource
    where kind = 'Secret' and project = ${project} and not deleted`
  const entries = rows.flatMap(({ name, spec }): [string, Json][] => {
    const parsed = sealedSecretSpec.safeParse(spec)
    return parsed.success ? [[name, read(ports.decrypt(parsed.data.value))]] : []
  })
  return Object.fromEntries(entries)
}

function read(text: string): Json {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
