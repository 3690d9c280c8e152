// Secrets
//
// The Secrets of a project as a run may name them: as JSON where the value is JSON, else as text. A document sees
// those alone that it declares under `use.secrets`. They are kept until Postgres tells that one of the project has changed: a run
// that starts asks nobody.

import { sealedSecretSpec } from '@tutti/core/governance'
import type { Json } from '@tutti/core/resource'
import type { News } from '../news.ts'
import type { Sql } from '../store/index.ts'

export type SecretValues = Readonly<Record<string, Json>>

export interface SecretsPorts {
  readonly sql: Sql
  readonly news: Pick<News, 'subscribe'>
  readonly decrypt: (sealed: string) => string
}

const projectsMax = 1_000 // some KB each

export class Secrets {
  readonly #ports: SecretsPorts
  /** By project; what was asked for before a change is no answer after it. */
  readonly #held = new Map<string, Promise<SecretValues>>()
  readonly #unsubscribe: () => void

  constructor(ports: SecretsPorts) {
    this.#ports = ports
    this.#unsubscribe = ports.news.subscribe('resource', {
      onNews: (key) => {
        const [kind, project = ''] = key.split('/')
        if (kind === 'Secret') this.forget(project)
      },
      onGap: () => this.#held.clear(),
    })
  }

  async of(project: string): Promise<SecretValues> {
    const held = this.#held.get(project)
    if (held !== undefined) return await held
    const [oldest] = this.#held.keys()
    if (this.#held.size >= projectsMax && oldest !== undefined) this.#held.delete(oldest)
    const loading = loadSecrets(this.#ports, project)
    this.#held.set(project, loading)
    loading.catch(() => {
      if (this.#held.get(project) === loading) this.#held.delete(project)
    })
    return await loading
  }

  /** A Secret of the project has changed. */
  forget(project: string): void {
    this.#held.delete(project)
  }

  stop(): void {
    this.#unsubscribe()
  }
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
