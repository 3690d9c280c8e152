// OWS processes
//
// The specification's examples that run scripts, commands and containers, on a node of a real fleet that allows them, under a policy that
// does. Containers are run where a runtime answers and has their image; elsewhere the caller has them refused.

import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { Json } from './kit/kit-bench.ts'
import { type LocalFleet, startLocalFleet } from './local-fleet.ts'
import type { Scoring } from './score.ts'

const run = promisify(execFile)
const pullMs = 60_000

export interface ProcessExample {
  readonly file: string
  readonly source: Json
}

/** What the examples say of themselves that they print; others only have to end. */
const printed: Readonly<Record<string, string>> = {
  'run-script-with-stdin-and-arguments.yaml': 'stdin >  Hello Workflow\narg >  hello\nenv >  bar\n',
  'run-shell-stdin-and-arguments.yaml': 'STDIN was: Hello World\nARGS are Foo Bar\n',
  'run-container-stdin-and-arguments.yaml': 'STDIN was: Hello World\nARGS are Foo Bar\n',
}

/** Whether a node of this machine can run what the document asks for; no process: not asked. */
export async function isRunnableHere(source: Json): Promise<boolean> {
  const text = JSON.stringify(source)
  if (/"(script|shell)":\{/.test(text)) return true
  const [, image] = /"container":\{[^}]*"image":"([^"]+)"/.exec(text) ?? []
  if (image === undefined || text.includes('"cleanup":"eventually"')) return false
  for (const name of ['podman', 'nerdctl', 'docker']) {
    try {
      await run(name, ['info'], { timeout: pullMs })
    } catch {
      continue // the node asks them in this order, too
    }
    return await run(name, ['pull', image], { timeout: pullMs }).then(
      () => true,
      () => false,
    )
  }
  return false
}

const cedar = `@id("examples-run-processes")
permit(principal == Automation::"workflow/default", action == Action::"run", resource == Node::"n1")
when { context has plan };`

/** Runs them; each is to complete, with the output that it speaks of. */
export async function runProcesses(
  examples: readonly ProcessExample[],
  scoring: Scoring,
): Promise<void> {
  const args = ['--allow-run', 'script', 'shell', 'container']
  const fleet = await startLocalFleet([{ name: 'n1', args }])
  try {
    const about = { apiVersion: 'tutti/v1', kind: 'Policy', metadata: { name: 'processes' } }
    await fleet.client.apply({ kind: 'policies', name: 'processes' }, { ...about, spec: { cedar } })
    for (const [place, example] of examples.entries()) {
      const wrong = await whyNot(fleet, example, place)
      scoring.check(wrong === null, `${example.file}: ${wrong}`)
    }
  } finally {
    await fleet.stop()
  }
}

/** Several examples have one name: each is declared as a version of its own. */
async function whyNot(
  { client }: LocalFleet,
  { file, source }: ProcessExample,
  place: number,
): Promise<string | null> {
  const given = { ...Object(source) }
  const document = { ...Object(given['document']), version: `1.0.${place}` }
  const workflow = `${document.namespace}.${document.name}:${document.version}`
  const resource = {
    ...{ apiVersion: 'tutti/v1', kind: 'Workflow', metadata: { name: workflow } },
    spec: { document: { ...given, document } },
  }
  await client.apply({ kind: 'workflows', name: workflow }, resource)
  const { id } = await client.startRun(workflow)
  for await (const _ of client.runEvents(id)); // until its end
  const { outcome } = await client.run(id)
  if (outcome?.status !== 'completed') return JSON.stringify(outcome)
  const expected = printed[file]
  return expected === undefined || outcome.output === expected ? null : String(outcome.output)
}
