// Conformance: Open Workflow Specification
//
// The specification's own conformance kit (ctk/features, Apache-2.0), every scenario on a real engine, with stand-ins
// for the outside hosts; and its examples: each must be accepted, and then run (scripts, commands and containers on a node of a real
// fleet), wait, or be refused for a reason that is said.

import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { prepareWorkflow } from '@tutti/core/workflow'
import { parse } from 'yaml'
import { type Json, type KitBench, openKitBench } from './kit/kit-bench.ts'
import { runScenario } from './kit/run-scenario.ts'
import { isRunnableHere, type ProcessExample, runProcesses } from './ows-processes.ts'
import { standIns } from './ows-stand-ins.ts'
import { readFeatures } from './read-features.ts'
import { type Score, Scoring } from './score.ts'

export const owsFeatures = 'workflow/ows/ctk/features'
const owsExamples = 'workflow/ows/examples'

export async function ows(dataFolder: string): Promise<Score> {
  const scoring = new Scoring()
  const bench = await openKitBench()
  try {
    for (const [i, scenario] of (await readFeatures(join(dataFolder, owsFeatures))).entries()) {
      const wrong = await runScenario(bench, scenario, { project: `s${i}`, elsewhere: standIns })
      scoring.check(wrong === null, `${scenario.feature} / ${scenario.name}: ${wrong}`)
    }
    const { passed, total } = scoring.score
    const examples = await runExamples(bench, join(dataFolder, owsExamples), scoring)
    const { notes, ...score } = scoring.score
    const kit = `conformance kit: ${passed}/${total} scenarios`
    return { ...score, notes: [kit, ...examples, ...notes] }
  } finally {
    await bench.stop()
  }
}

/** What the examples take from their input. */
const sample = {
  ...{ id: 1, petId: 1, searchQuery: 'luke', token: 't', orderType: 'electronic', roomId: 7 },
  ...{ customer: { age: 20 }, user: { preferredDisplayName: 'Ada', name: 'Ada' }, bet: {} },
  ...{ username: 'a', password: 'b', readings: [], pets: [{ id: 1 }], colors: ['red'] },
}

/** The subflow that one example runs. */
const customer = {
  document: { dsl: '1.0.3', namespace: 'test', name: 'register-customer', version: '0.1.0' },
  do: [{ register: { set: { registered: true } } }],
}

const sampleEvent = {
  ...{ specversion: '1.0', id: '1', source: 'https://s', type: 't' },
  data: { patient: { id: 1, name: 'Ada', room: { number: 7 }, vitals: { bpm: 40 } }, timestamp: 0 },
}

/** Wrong in themselves, and why. */
const faulty: Readonly<Record<string, string>> = {
  'mock-service-extension.yaml': 'its `when` asks startswith of an object, which is an error in jq',
}

/** Each example is accepted; then it runs, waits, or is refused for a reason. */
async function runExamples(
  bench: KitBench,
  folder: string,
  scoring: Scoring,
): Promise<readonly string[]> {
  const notes: string[] = []
  const processes: ProcessExample[] = []
  const oauth = { authority: 'http://login', grant: 'client_credentials', client: { id: 'a' } }
  const secrets = { mySecret: { username: 'a', password: 'b', token: 'c', ...oauth } }
  bench.enter({ project: 'examples', secrets, egress: standIns })
  bench.declare(customer)
  const files = (await readdir(folder)).filter((file) => file.endsWith('.yaml')).sort()
  for (const file of files) {
    const source = parse(await readFile(join(folder, file), 'utf8')) as Json
    const prepared = prepareWorkflow(source)
    scoring.check(prepared.ok, `${file}: not accepted: ${JSON.stringify(prepared)}`)
    if (!prepared.ok) continue
    if (await isRunnableHere(source)) {
      processes.push({ file, source })
      continue
    }
    const isByEvent = JSON.stringify(source).includes('$workflow.input[0]')
    const { namespace, name, version } = prepared.program.document.document
    bench.declare(source)
    const run = await bench.start({ namespace, name, version }, isByEvent ? [sampleEvent] : sample)
    await bench.untilIdle()
    const outcome = await bench.outcome(run, 0)
    if (outcome === null || outcome.status === 'completed') {
      scoring.check(true, file)
      continue
    }
    const error = outcome.status === 'faulted' ? outcome.error : null
    const reason = faulty[file] ?? error?.detail
    const isStated = faulty[file] !== undefined || error?.type.endsWith('/configuration') === true
    const isRaised = source !== null && JSON.stringify(source).includes('"raise"')
    scoring.check(isStated || isRaised, `${file}: ${JSON.stringify(outcome)}`)
    if (isStated) notes.push(`refused, ${file}: ${reason}`)
  }
  await runProcesses(processes, scoring)
  return notes
}
