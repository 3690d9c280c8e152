// Hint absent
//
// A list that is empty because nothing has the name that it was asked for looks as one that is empty. People hear of it on
// standard error; what the list itself prints stays as it is. Nobody hears of what their key may not read.

import { nearest } from '@tutti/core/resource'
import type { Client, ResourceRef } from '@tutti/sdk'
import { type HomeOptions, loadContext } from '../home/index.ts'

/** The kinds that lists are filtered by: each by its plural. */
const kindOf = {
  projects: 'Project',
  models: 'Model',
  workflows: 'Workflow',
  assets: 'asset',
} as const

export interface Sought {
  readonly plural: keyof typeof kindOf
  readonly name: string
  readonly project: string
}

/** What a list was asked for, but for what it was not asked for. */
export function soughtIn(
  project: string,
  names: { readonly [plural in Sought['plural']]?: string | undefined },
): readonly Sought[] {
  const plurals = ['projects', 'workflows', 'models', 'assets'] as const
  return plurals.flatMap((plural) => {
    const name = names[plural]
    return name === undefined
      ? []
      : [{ plural, name, project: plural === 'projects' ? '' : project }]
  })
}

/** Says what is not there; where the project is none, only that. */
export async function hintAbsent(client: Client, sought: readonly Sought[]): Promise<void> {
  for (const one of sought) {
    const isThere = await hintOne(client, one)
    if (!isThere && one.plural === 'projects') return
  }
}

/** Of a list of all that a project has. */
export async function hintProject(client: Client, options: HomeOptions): Promise<void> {
  const { project } = loadContext(options)
  await hintAbsent(client, soughtIn(project, { projects: project }))
}

/** False where it is said that there is none. */
async function hintOne(client: Client, { plural, name, project }: Sought): Promise<boolean> {
  if (plural === 'projects' || plural === 'models') {
    if (!(await isNowhere(client, { kind: plural, name, project }))) return true
  }
  // Where it cannot be told the list itself was answered, and that is enough.
  const names = await namesOf(client, plural, project).catch(() => null)
  if (names === null || names.includes(name)) return true
  const near = nearest(name, names)
  const where = project === '' ? '' : ` in project ${project}`
  const hint = near === null ? '' : `: did you mean ${near}?`
  process.stderr.write(`there is no ${kindOf[plural]} ${name}${where}${hint}\n`)
  return false
}

/** What the key may not read may be there. */
async function isNowhere(client: Client, ref: ResourceRef): Promise<boolean> {
  return await client.get(ref).then(
    () => false,
    (error: unknown) => Object(error).apiCode === 'api/not-found',
  )
}

async function namesOf(
  client: Client,
  plural: Sought['plural'],
  project: string,
): Promise<readonly string[]> {
  if (plural === 'assets') return (await client.assets()).map(({ name }) => name)
  const held = await client.list(plural, project === '' ? {} : { project })
  const names = held.map(({ metadata }) => metadata.name)
  if (plural !== 'workflows') return names
  // A workflow is called with its version, with its namespace, or by its name alone.
  const called = names.map((name) => name.replace(/:.*$/, ''))
  return [...names, ...called, ...called.map((name) => name.replace(/^.*\./, ''))]
}
