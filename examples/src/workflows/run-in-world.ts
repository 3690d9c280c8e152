// Run in world
//
// One example as users run it: the workflow is declared, a run started, people answer, and its end is waited for.

import { workflowName } from '@tutti/core/workflow'
import type { RunAnswer } from '@tutti/sdk'
import type { Example } from './engine-bed.ts'
import { declare, type World } from './world.ts'

const lookMs = 100

/** Who follows a run. */
export interface Follower {
  readonly started?: (run: string, workflow: string) => void
  /** An entry of the journal. */
  readonly happened?: (kind: string, key: string) => void
  /** What somebody answers; null: it was answered otherwise. */
  readonly answer: (task: { readonly run: string; readonly key: string }) => unknown
}

export type Outcome = NonNullable<RunAnswer['outcome']>

/** Gives its name. */
async function declareFlow(
  client: World['client'],
  document: Example['document'],
): Promise<string> {
  const name = workflowName(Object(document).document)
  await declare(client, 'Workflow', name, { document })
  return name
}

export async function runInWorld(
  { client }: Pick<World, 'client'>,
  { document, others = [], input }: Example,
  { started, happened, answer }: Follower,
): Promise<Outcome> {
  for (const other of others) await declareFlow(client, other)
  const name = await declareFlow(client, document)
  const { id } = await client.startRun(name, { input })
  started?.(id, name)
  const asked = new Set<string>()
  let shown = 0
  for (;;) {
    const { entries, outcome, waiting } = await client.run(id)
    for (const { kind, key = '' } of entries.slice(shown)) happened?.(kind, key)
    shown = entries.length
    if (outcome !== null) return outcome
    for (const { key, kind } of waiting) {
      if (kind !== 'answer' || asked.has(key)) continue
      asked.add(key)
      const said = await answer({ run: id, key })
      if (said !== null) await client.answerTask(id, key, said)
    }
    await new Promise((resolve) => setTimeout(resolve, lookMs))
  }
}
