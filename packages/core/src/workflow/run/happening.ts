// Happening: what whoever watches a run is told of.

/** What happens to a task, by the specification's names for it. */
export interface Happening {
  readonly kind: 'started' | 'completed' | 'faulted'
  readonly task: string
  readonly reference: string
  readonly atMs: number
}
