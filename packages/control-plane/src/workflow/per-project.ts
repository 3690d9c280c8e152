// Per project
//
// What a run that starts asks of its project, kept until Postgres tells that it has changed: so that it asks nobody.

import type { News } from '../news.ts'

export interface PerProjectPorts<Value> {
  readonly news: Pick<News, 'subscribe'>
  readonly load: (project: string) => Promise<Value>
  /** The project whose value a changed resource is part of; null: it is part of none. */
  readonly projectOf: (resource: string) => string | null
}

const projectsMax = 1_000 // some KB each

export class PerProject<Value> {
  readonly #load: PerProjectPorts<Value>['load']
  /** By project; what was asked for before a change is no answer after it. */
  readonly #held = new Map<string, Promise<Value>>()
  readonly #unsubscribe: () => void

  constructor({ news, load, projectOf }: PerProjectPorts<Value>) {
    this.#load = load
    this.#unsubscribe = news.subscribe('resource', {
      onNews: (resource) => {
        const project = projectOf(resource)
        if (project !== null) this.forget(project)
      },
      onGap: () => this.#held.clear(),
    })
  }

  async of(project: string): Promise<Value> {
    const held = this.#held.get(project)
    if (held !== undefined) return await held
    const [oldest] = this.#held.keys()
    if (this.#held.size >= projectsMax && oldest !== undefined) this.#held.delete(oldest)
    const loading = this.#load(project)
    this.#held.set(project, loading)
    loading.catch(() => {
      if (this.#held.get(project) === loading) this.#held.delete(project)
    })
    return await loading
  }

  /** It has changed. */
  forget(project: string): void {
    this.#held.delete(project)
  }

  stop(): void {
    this.#unsubscribe()
  }
}
