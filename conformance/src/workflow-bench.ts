// Workflow bench
//
// An engine on a Postgres of its own, for judges: documents are run one at a time, calls go to stand-ins.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  type Egress,
  Engine,
  openDatabase,
  openNews,
  performer,
} from '@tutti/control-plane/workflow'
import { type Happening, type Outcome, type Program, prepareWorkflow } from '@tutti/core/workflow'

export type Json = Parameters<typeof prepareWorkflow>[0]

export interface Told {
  readonly outcome: Outcome
  /** Names of tasks in the order in which they began. */
  readonly began: readonly string[]
}

export interface WorkflowBench {
  /** Runs a document to its end; null where it waits for something that does not come. */
  readonly run: (source: Json, input: Json) => Promise<Told | null>
  /** Makes a document known to those that run it as a subflow. */
  readonly declare: (source: Json) => void
  readonly stop: () => Promise<void>
}

export async function openWorkflowBench(egress: Egress): Promise<WorkflowBench> {
  const folder = mkdtempSync(join(tmpdir(), 'tutti-workflows-'))
  const database = await openDatabase({ url: undefined, dataFolder: folder })
  const programs = new Map<string, Program>()
  let began: string[] = []
  const trace = ({ kind, task }: Happening) => {
    if (kind === 'started') began.push(task)
  }
  const nowMs = () => Date.now()
  const news = await openNews(database)
  const engine: Engine = await Engine.open({
    sql: database.sql,
    news,
    program: async ({ name }) => {
      const program = programs.get(name)
      if (program === undefined) throw new Error(`there is no workflow ${name}`)
      return program
    },
    surroundings: async () => ({
      secrets: { mySecret: { username: 'a', password: 'b', token: 'c', ...oauth } },
      runtime: { name: 'tutti', version: '0.1.0' },
      trace,
    }),
    act: performer({
      ...{ sql: database.sql, egress, nowMs },
      start: (request) => engine.start(request),
      newest: async () => '1.0.0',
      outcome: async () => null,
      inference: () => null,
    }),
    nowMs,
    onTrouble: () => {},
    onFenced: () => {},
  })
  const declare = (source: Json) => {
    const prepared = prepareWorkflow(source)
    if (!prepared.ok) {
      throw new Error(prepared.findings.map(({ path, message }) => `${path}: ${message}`).join())
    }
    const { document } = prepared.program.document
    programs.set(document.name, prepared.program)
    return document
  }
  return {
    declare,
    run: async (source, input) => {
      const { namespace, name, version } = declare(source)
      began = []
      const id = await engine.start({ project: 'default', namespace, name, version, input })
      const outcome = await Promise.race([engine.outcomeOf(id), untilItWaits(engine)])
      return outcome === null ? null : { outcome, began }
    },
    stop: async () => {
      await engine.stop()
      await news.stop()
      await database.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

const oauth = { authority: 'http://login', grant: 'client_credentials', client: { id: 'a' } }
const lookMs = 20

/** Resolves when the engine holds nothing: the run has ended, or waits for time or events. */
async function untilItWaits(engine: Engine): Promise<null> {
  do await new Promise((resolve) => setTimeout(resolve, lookMs))
  while (engine.residents > 0)
  return null
}
