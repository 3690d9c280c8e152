// Secrets
//
// The Secrets of a project as a run may name them: as JSON where the value is JSON, else as text. A document sees
// those alone that it declares under `use.secrets`.

import { sealedSecretSpec } from '@tutti/core/governance'
import type { Json } from '@tutti/core/resource'
import type { Sql } from '../store/index.ts'

export async function loadSecrets(
  ports: { readonly sql: Sql; readonly decrypt: (sealed: string) => string },
  project: string,
): Promise<Readonly<Record<string, Json>>> {
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
