// Kinds
//
// Every resource kind in one table: its plural in URLs and on the command line, its scope, and who may write it. The
// schemas of their specs are in `kinds/specs.ts`: who has no more than names to look up does not load them.

export interface KindEntry {
  readonly plural: string
  readonly short: string
  readonly scope: 'cluster' | 'project'
  /**
   * `people` declare it; `automation` makes it, people may only change or delete it by its own
   * verbs.
   */
  readonly declaredBy: 'people' | 'automation'
  /** A resource whose spec never changes once it is there. */
  readonly immutable: boolean
  readonly summary: string
}

export const kinds = {
  Project: {
    plural: 'projects',
    short: 'proj',
    scope: 'cluster',
    declaredBy: 'people',
    immutable: false,
    summary: 'Tenancy: the fence around models, deployments, routes, keys and secrets.',
  },
  Node: {
    plural: 'nodes',
    short: 'no',
    scope: 'cluster',
    declaredBy: 'automation',
    immutable: false,
    summary: 'A machine that runs models. It comes into being by `tutti join`.',
  },
  Policy: {
    plural: 'policies',
    short: 'pol',
    scope: 'cluster',
    declaredBy: 'people',
    immutable: false,
    summary: 'Rules in Cedar that every change must pass.',
  },
  Model: {
    plural: 'models',
    short: 'mo',
    scope: 'project',
    declaredBy: 'people',
    immutable: true,
    summary: 'One immutable, content-addressed version of a model, with its variants.',
  },
  Deployment: {
    plural: 'deployments',
    short: 'deploy',
    scope: 'project',
    declaredBy: 'people',
    immutable: false,
    summary: 'Which model runs on which nodes, and how it changes.',
  },
  Rollout: {
    plural: 'rollouts',
    short: 'ro',
    scope: 'project',
    declaredBy: 'automation',
    immutable: false,
    summary: 'The course of one generation of a Deployment.',
  },
  Provider: {
    plural: 'providers',
    short: 'prov',
    scope: 'project',
    declaredBy: 'people',
    immutable: false,
    summary: 'An outside API or engine.',
  },
  Route: {
    plural: 'routes',
    short: 'rt',
    scope: 'project',
    declaredBy: 'people',
    immutable: false,
    summary: 'The name that clients call, and what may answer.',
  },
  Key: {
    plural: 'keys',
    short: 'key',
    scope: 'project',
    declaredBy: 'people',
    immutable: false,
    summary: 'A virtual API key; only a hash of its secret is stored.',
  },
  Workflow: {
    plural: 'workflows',
    short: 'wf',
    scope: 'project',
    declaredBy: 'people',
    immutable: true,
    summary: 'One immutable version of a workflow: a document of the Open Workflow Specification.',
  },
  Budget: {
    plural: 'budgets',
    short: 'bud',
    scope: 'project',
    declaredBy: 'people',
    immutable: false,
    summary: 'What a project, a key or a route may spend in a window of time.',
  },
  Approval: {
    plural: 'approvals',
    short: 'appr',
    scope: 'project',
    declaredBy: 'automation',
    immutable: true,
    summary: 'A change that waits for the signed word of somebody else.',
  },
  Secret: {
    plural: 'secrets',
    short: 'sec',
    scope: 'project',
    declaredBy: 'people',
    immutable: false,
    summary: 'A value stored encrypted and never read back.',
  },
} as const satisfies Record<string, KindEntry>

export type Kind = keyof typeof kinds
export const kindNames = Object.keys(kinds) as readonly Kind[]

/** The kind that a person means by `deploy`, `deployments`, `Deployment` …, or null. */
export function kindOf(word: string): Kind | null {
  const lower = word.toLowerCase()
  return (
    kindNames.find((kind) => {
      const { plural, short } = kinds[kind]
      return lower === kind.toLowerCase() || lower === plural || lower === short
    }) ?? null
  )
}
