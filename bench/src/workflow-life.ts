// Workflow life
//
// A process of its own for the bench of recovery: it starts runs whose first step never ends, says so, and waits to be
// killed.

import { type Database, Engine, openDatabase, openNews } from '@tutti/control-plane/workflow'
import { prepareWorkflow } from '@tutti/core/workflow'

export const request = {
  ...{ project: 'bench', namespace: 'bench', name: 'pending', version: '1.0.0' },
  input: { a: 0 },
}
const step = (name: string) => ({
  [name]: { call: 'http', with: { method: 'post', endpoint: 'http://step/', body: '${ .a }' } },
})
const { namespace, name, version } = request
const documents = {
  pending: [step('one'), step('two')],
  asking: [{ ask: { call: 'tutti.human', with: { title: 'May I?' } } }],
}

/** An engine whose steps do what they are told. */
export async function openPending(
  database: Database,
  act: () => Promise<null>,
): Promise<{ readonly engine: Engine; readonly stop: () => Promise<void> }> {
  const programs = new Map(
    Object.entries(documents).map(([title, tasks]) => {
      const document = { dsl: '1.0.3', namespace, name, version }
      const prepared = prepareWorkflow({ document: { ...document, name: title }, do: tasks })
      if (!prepared.ok) throw new Error(JSON.stringify(prepared.findings))
      return [title, prepared.program]
    }),
  )
  const news = await openNews(database)
  const engine = await Engine.open({
    sql: database.sql,
    news,
    program: async (of) => {
      const program = programs.get(of.name)
      if (program === undefined) throw new Error(`there is no ${of.name}`)
      return program
    },
    surroundings: async () => ({ secrets: {}, runtime: { name: 'tutti', version: '0' } }),
    act,
    nowMs: () => Date.now(),
    onTrouble: (what, error) => process.stderr.write(`${what}: ${error}\n`),
    onFenced: () => process.stderr.write('fenced\n'),
  })
  return { engine, stop: () => engine.stop().then(news.stop) }
}

const [folder, count] = process.argv.slice(2)
if (process.send !== undefined && folder !== undefined) {
  const database = await openDatabase({ url: undefined, dataFolder: folder })
  const { engine } = await openPending(database, () => new Promise(() => {}))
  for (let left = Number(count); left > 0; left -= 1_000) {
    const some = Array.from({ length: Math.min(1_000, left) }, () => engine.start(request))
    await Promise.all(some)
  }
  process.send('pending')
}
