// A bed for engines: the real embedded Postgres, documents by name, acts that the test answers.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Json } from '@tutti/core/resource'
import { type Program, prepareWorkflow } from '@tutti/core/workflow'
import { afterAll, beforeAll } from 'vitest'
import { type News, openNews } from '../news.ts'
import { type Database, openDatabase } from '../store/index.ts'
import { Engine } from './engine.ts'
import type { EnginePorts } from './engine-ports.ts'

export const folder = mkdtempSync(join(tmpdir(), 'tutti-engine-'))
export const bed = { database: undefined, news: undefined } as unknown as {
  database: Database
  news: News
}

export function useDatabase(): void {
  beforeAll(async () => {
    bed.database = await openDatabase({ url: undefined, dataFolder: folder })
    bed.news = await openNews(bed.database)
  })
  afterAll(async () => {
    await bed.news.stop()
    await bed.database.stop()
    rmSync(folder, { recursive: true, force: true })
  })
}

export function document(name: string, tasks: unknown, more: object = {}): Json {
  return {
    document: { dsl: '1.0.3', namespace: 'test', name, version: '1.0.0' },
    do: tasks,
    ...more,
  } as Json
}

export function programs(...sources: readonly Json[]): EnginePorts['program'] {
  const known = new Map<string, Program>()
  for (const source of sources) {
    const prepared = prepareWorkflow(source)
    if (!prepared.ok) throw new Error(JSON.stringify(prepared.findings))
    known.set(prepared.program.document.document.name, prepared.program)
  }
  return async ({ name }) => {
    const program = known.get(name)
    if (program === undefined) throw new Error(`no ${name}`)
    return program
  }
}

export const troubles: string[] = []

export async function openEngine(
  program: EnginePorts['program'],
  act: EnginePorts['act'] = async () => null,
  more: Partial<EnginePorts> = {},
): Promise<Engine> {
  return await Engine.open({
    sql: bed.database.sql,
    news: bed.news,
    program,
    surroundings: async () => ({ secrets: {}, runtime: { name: 'tutti', version: 'test' } }),
    act,
    nowMs: () => Date.now(),
    onTrouble: (what, error) => troubles.push(`${what}: ${error}`),
    onFenced: () => {},
    ...more,
  })
}

export const request = (name: string, input: Json = {}) => ({
  ...{ project: 'default', namespace: 'test', name, version: '1.0.0' },
  input,
})

/** The entries of a run as they are stored. */
export async function journalOf(run: string): Promise<readonly Record<string, Json>[]> {
  const rows = await bed.database.sql<{ body: string }[]>`
    select body from workflow_entry where run = ${run} order by seq`
  return rows.flatMap(({ body }) => JSON.parse(body))
}
