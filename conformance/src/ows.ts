// Conformance: Open Workflow Specification
//
// The specification's own conformance kit (ctk/features, Apache-2.0), every scenario on a real engine, with stand-ins
// for the outside hosts; and its examples: each must be accepted, and then run, wait, or be refused for a
// reason that is said.

import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { prepareWorkflow } from '@tutti/core/workflow'
import { parse } from 'yaml'
import { parseFeature, type Scenario, type Step } from './feature.ts'
import { standIns } from './ows-stand-ins.ts'
import { type Score, Scoring } from './score.ts'
import { type Json, openWorkflowBench, type Told, type WorkflowBench } from './workflow-bench.ts'

export const owsKit = 'workflow/ows/ctk/features'
const owsExamples = 'workflow/ows/examples'

export async function ows(dataFolder: string): Promise<Score> {
  const scoring = new Scoring()
  const bench = await openWorkflowBench(standIns)
  try {
    for (const scenario of await readFeatures(join(dataFolder, owsKit))) {
      const wrong = await judge(bench, scenario)
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

/** All scenarios of a folder of feature files. */
export async function readFeatures(folder: string): Promise<readonly Scenario[]> {
  const files = (await readdir(folder)).filter((file) => file.endsWith('.feature')).sort()
  const texts = await Promise.all(files.map((file) => readFile(join(folder, file), 'utf8')))
  return texts.flatMap(parseFeature)
}

/** Null where everything that the scenario says is so. */
export async function judge(bench: WorkflowBench, scenario: Scenario): Promise<string | null> {
  const textOf = (pattern: RegExp) => scenario.steps.find(({ text }) => pattern.test(text))?.value
  const source = textOf(/workflow with definition/) as Json
  const input = (textOf(/workflow input is/) ?? {}) as Json
  try {
    const told = await bench.run(source, input)
    if (told === null) return 'the run waits for something that does not come'
    for (const step of scenario.steps) {
      const wrong = check(step, told)
      if (wrong !== null) return `${step.text}: ${wrong}`
    }
    return null
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

type Check = (match: RegExpExecArray, told: Told, value: unknown) => string | null

const checks: readonly (readonly [RegExp, Check])[] = [
  [/^(given )?(the workflow input is|a workflow with definition)$/i, () => null],
  [/^the workflow is executed$/, () => null],
  [/^the workflow should complete$/, (_, told) => unless(isCompleted(told), told.outcome)],
  [
    /^the workflow should complete with output$/,
    (_, told, value) =>
      unless(isCompleted(told) && isDeepStrictEqual(outputOf(told), value), told.outcome),
  ],
  [
    /^the workflow should fault$/,
    (_, told) => unless(told.outcome.status === 'faulted', told.outcome),
  ],
  [
    /^the workflow should fault with error$/,
    (_, { outcome }, value) =>
      unless(
        outcome.status === 'faulted' &&
          Object.entries(value ?? {}).every(([name, wanted]) =>
            isDeepStrictEqual(memberOf(outcome.error, name), wanted),
          ),
        outcome,
      ),
  ],
  [
    /^the workflow output should have properties (.+)$/,
    (match, told) => {
      const names = [...(match[1] ?? '').matchAll(/'([^']+)'/g)].map(([, name]) => name ?? '')
      const missing = names.filter((name) => memberOf(outputOf(told), name) === undefined)
      return missing.length === 0 ? null : `${missing.join(', ')} is not there`
    },
  ],
  [
    /^the workflow output should have a '([^']+)' property with value$/,
    (match, told, value) => {
      const found = memberOf(outputOf(told), match[1] ?? '')
      return unless(isDeepStrictEqual(found, value), found)
    },
  ],
  [
    /^the workflow output should have a '([^']+)' property containing (\d+) items?$/,
    (match, told) => {
      const found = memberOf(outputOf(told), match[1] ?? '')
      return unless(Array.isArray(found) && found.length === Number(match[2]), found)
    },
  ],
  [/^(\w+) should run first$/, (match, { began }) => unless(began[0] === match[1], began)],
  [/^(\w+) should run last$/, (match, { began }) => unless(began.at(-1) === match[1], began)],
  [
    /^(\w+) should run after (\w+)$/,
    (match, { began }) => {
      const [later, sooner] = [match[1], match[2]].map((name) => began.indexOf(name ?? ''))
      return unless(sooner !== undefined && sooner >= 0 && (later ?? -1) > sooner, began)
    },
  ],
]

function check({ text, value }: Step, told: Told): string | null {
  for (const [pattern, verdict] of checks) {
    const match = pattern.exec(text)
    if (match !== null) return verdict(match, told, value)
  }
  return 'nobody knows how to check this'
}

function unless(holds: boolean, got: unknown): string | null {
  return holds ? null : `got ${JSON.stringify(got)?.slice(0, 300)}`
}

function isCompleted({ outcome }: Told): boolean {
  return outcome.status === 'completed'
}

function outputOf({ outcome }: Told): unknown {
  return outcome.status === 'completed' ? outcome.output : undefined
}

function memberOf(value: unknown, path: string): unknown {
  let at = value
  for (const name of path.split('.')) {
    at = Object.entries(at ?? {}).find(([key]) => key === name)?.[1]
  }
  return at
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
  bench: WorkflowBench,
  folder: string,
  scoring: Scoring,
): Promise<readonly string[]> {
  const notes: string[] = []
  bench.declare(customer)
  const files = (await readdir(folder)).filter((file) => file.endsWith('.yaml')).sort()
  for (const file of files) {
    const source = parse(await readFile(join(folder, file), 'utf8')) as Json
    const prepared = prepareWorkflow(source)
    scoring.check(prepared.ok, `${file}: not accepted: ${JSON.stringify(prepared)}`)
    if (!prepared.ok) continue
    const isByEvent = JSON.stringify(source).includes('$workflow.input[0]')
    const told = await bench.run(source, isByEvent ? [sampleEvent] : sample)
    if (told === null || told.outcome.status === 'completed') {
      scoring.check(true, file)
      continue
    }
    const { outcome } = told
    const error = outcome.status === 'faulted' ? outcome.error : null
    const reason = faulty[file] ?? error?.detail
    const isStated = faulty[file] !== undefined || error?.type.endsWith('/configuration') === true
    const isRaised = source !== null && JSON.stringify(source).includes('"raise"')
    scoring.check(isStated || isRaised, `${file}: ${JSON.stringify(outcome)}`)
    if (isStated) notes.push(`refused, ${file}: ${reason}`)
  }
  return notes
}
