// tutti workflow: apply documents, start and follow runs, answer what waits for people.

import { apiVersion, formatFinding, type Json } from '@tutti/core/resource'
import type { Client, RunAnswer } from '@tutti/sdk'
import type { Command } from 'commander'
import { Failure } from '../failure.ts'
import {
  clientOf,
  formatAge,
  formatTable,
  loadContext,
  parseDocuments,
  print,
  printJson,
  readDocuments,
} from '../home/index.ts'
import { describeOutcome } from './describe-outcome.ts'
import { describeSignature } from './describe-signature.ts'
import { hintAbsent, type Sought, soughtIn } from './hint-absent.ts'
import { countOf, timeOf } from './option-values.ts'
import { parseLabels } from './parse-labels.ts'
import { type SharedOptions, withExamples, withShared } from './shared-options.ts'
import { addWorkflowAssets } from './workflow-assets.ts'
import { addWorkflowBackfill } from './workflow-backfill.ts'
import { addWorkflowLifecycle } from './workflow-lifecycle.ts'
import { addWorkflowLineage } from './workflow-lineage.ts'
import { addWorkflowPeople } from './workflow-people.ts'
import { addWorkflowSchedules } from './workflow-schedules.ts'
import { addWorkflowUpgrade } from './workflow-upgrade.ts'

export function addWorkflow(program: Command): void {
  const group = program.command('workflow').description('durable workflows and their runs')
  addDocuments(group)
  addGraph(group)
  addPlan(group)
  addRuns(group)
  addSteering(group)
  addWorkflowPeople(group)
  addWorkflowUpgrade(group)
  addWorkflowSchedules(group)
  addWorkflowLineage(group)
  addWorkflowLifecycle(group)
  addWorkflowAssets(group)
}

function addDocuments(group: Command): void {
  const apply = withShared(group.command('apply'))
    .argument('<file>', 'YAML or JSON of the Open Workflow Specification; - reads standard input')
    .description('declare versions of workflows')
  withExamples(apply, 'tutti workflow apply refund.yaml')
  apply.action(async (file: string, options: SharedOptions) => {
    const client = clientOf(options)
    for (const { source, value } of readDocuments(file)) {
      const name = await nameIn(source, value)
      const resource = {
        apiVersion,
        kind: 'Workflow',
        metadata: { name },
        spec: { document: value },
      }
      const answer = await client.apply({ kind: 'workflows', name }, resource)
      if (options.json === true) printJson(answer)
      else print(`workflow/${name} ${describeOutcome(answer)}`)
      if (answer.outcome === 'needs-approval') process.exitCode = 3
    }
  })
}

function addGraph(group: Command): void {
  const graph = group
    .command('graph')
    .argument('<file>', 'YAML or JSON of a workflow; - reads standard input')
    .description('draw workflows as Mermaid flowcharts')
  withExamples(graph, 'tutti workflow graph refund.yaml')
  graph.action(async (file: string) => {
    const { drawWorkflow, prepareWorkflow } = await import('@tutti/core/workflow')
    for (const { source, value } of readDocuments(file)) {
      await nameIn(source, value) // says what is wrong
      const prepared = prepareWorkflow(value as Json)
      if (prepared.ok) print(drawWorkflow(prepared.program.document).trimEnd())
    }
  })
}

/** What policies are told of it, before it is declared and before it runs. */
function addPlan(group: Command): void {
  const plan = group
    .command('plan')
    .argument('<file>', 'YAML or JSON of a workflow; - reads standard input')
    .option('--json', 'print JSON, as it does anyway')
    .description('say what workflows may reach and cost, as policies see it')
  withExamples(plan, 'tutti workflow plan refund.yaml')
  plan.action(async (file: string) => {
    const { planRun } = await import('@tutti/core/workflow')
    for (const { source, value } of readDocuments(file)) {
      await nameIn(source, value) // says what is wrong
      printJson(planRun(value as Json))
    }
  })
}

async function nameIn(source: string, value: unknown): Promise<string> {
  const { prepareWorkflow, workflowName } = await import('@tutti/core/workflow')
  const prepared = prepareWorkflow(value as Json)
  if (prepared.ok) return workflowName(prepared.program.document.document)
  const findings = prepared.findings.map((finding) => `${source}: ${formatFinding(finding)}`)
  throw new Failure('tutti/document-invalid', findings.join('\n'))
}

interface RunOptions extends SharedOptions {
  readonly input?: string
  readonly labels?: string
  readonly watch?: boolean
}

interface ListOptions extends SharedOptions {
  readonly status?: string
  readonly name?: string
  readonly label?: string
  readonly error?: string
  readonly model?: string
  readonly artifact?: string
  readonly asset?: string
  readonly since?: string
  readonly until?: string
  readonly limit: string
  readonly after?: string
}

function addRuns(group: Command): void {
  const run = withShared(group.command('run'))
    .argument('<workflow>', 'NAMESPACE.NAME, or NAMESPACE.NAME:VERSION')
    .option('-i, --input <json>', 'the input, as JSON or YAML')
    .option('--labels <labels>', 'to find it by: shop=berlin,kind=test')
    .option('-w, --watch', 'stay until it has ended')
    .description('start a run')
  withExamples(
    run,
    `tutti workflow run shop.refund --input '{"order": 7}' --watch`,
    `tutti workflow run shop.refund --input '{"order": 7}' --labels shop=berlin`,
  )
  run.action(async (workflow: string, options: RunOptions) => {
    const client = clientOf(options)
    const input = options.input === undefined ? {} : readValue(options.input)
    const labels = parseLabels(options.labels)
    const { id } = await client.startRun(workflow, { input, labels })
    if (options.watch === true) await watch(client, id, options)
    else if (options.json === true) printJson({ id })
    else print(`run ${id} started`)
  })
  addList(group)
  addLooks(group)
}

function addList(group: Command): void {
  const list = withShared(group.command('list').alias('runs'))
    .option(
      '--status <status>',
      'queued, running, waiting, paused, completed, faulted or cancelled',
    )
    .option('--name <name>', 'of one workflow: NAME, NAMESPACE.NAME, or NAMESPACE.NAME:VERSION')
    .option('--label <name=value>', 'with this label')
    .option('--error <text>', 'whose error has this in it')
    .option('--model <version>', 'of which a step used this model version: parts:v2')
    .option('--artifact <digest>', 'of which a step read or made this artifact')
    .option('--asset <name>', 'of which a step read or made this asset: sales@2026-11-20')
    .option('--since <time>', 'started then or later: 2026-11-21T09:00:00Z')
    .option('--until <time>', 'started before then')
    .option('--limit <count>', 'as many at most', '50')
    .option('--after <cursor>', 'go on after the run with this cursor')
    .description('list runs, the newest first')
  withExamples(
    list,
    'tutti workflow list --status faulted --since 2026-11-21T09:00:00Z',
    'tutti workflow list --model parts:v2',
    'tutti workflow list --limit 5000 --json',
  )
  list.action(async (options: ListOptions) => {
    const { status, name, label, error, after, model, artifact, asset } = options
    const since = timeOf('--since', options.since)
    const until = timeOf('--until', options.until)
    const limit = countOf('--limit', options.limit)
    const client = clientOf(options)
    const runs = await client.runs({
      ...(status === undefined ? {} : { status }),
      ...(name === undefined ? {} : { name }),
      ...(label === undefined ? {} : { label }),
      ...(error === undefined ? {} : { error }),
      ...(model === undefined ? {} : { model }),
      ...(artifact === undefined ? {} : { artifact }),
      ...(asset === undefined ? {} : { asset }),
      ...(since === undefined ? {} : { startedFrom: since }),
      ...(until === undefined ? {} : { startedUntil: until }),
      ...(after === undefined ? {} : { after }),
      limit,
    })
    if (runs.length === 0) await hintAbsent(client, soughtBy(options))
    if (options.json === true) printJson(runs)
    else {
      print(formatTable(['run', 'workflow', 'status', 'age'], runs.map(rowOf)))
      const cursor = runs.length < limit ? undefined : runs.at(-1)?.cursor
      if (cursor !== undefined) print(`older ones: --after ${cursor}`)
    }
  })
}

function soughtBy(options: ListOptions): readonly Sought[] {
  const { project } = loadContext(options)
  const { name, model, asset } = options
  const of = { projects: project, workflows: name, models: model, assets: asset?.split('@')[0] }
  return soughtIn(project, of)
}

function addLooks(group: Command): void {
  const show = withShared(group.command('show'))
    .argument('<run>')
    .option('--cloudevents', 'what it has been through, as CloudEvents of the specification')
    .description('show a run: how it stands, what it waits for, its journal')
  withExamples(show, 'tutti workflow show RUN', 'tutti workflow show RUN --cloudevents')
  show.action(async (id: string, options: SharedOptions & { readonly cloudevents?: boolean }) => {
    if (options.cloudevents === true) return printJson(await clientOf(options).lifecycle(id))
    const detail = await clientOf(options).run(id)
    if (options.json === true) return printJson(detail)
    print(describe(detail))
    for (const { key, kind, subject } of detail.waiting) {
      print(`waits at ${key} for ${kind}${subject === '' ? '' : ` (${subject})`}`)
    }
    for (const entry of detail.entries) {
      const signature = await describeSignature(entry)
      if (signature !== null) print(signature)
      print(`${new Date(entry.atMs).toISOString()}  ${entry.kind.padEnd(9)}  ${entry.key ?? ''}`)
    }
  })
  const follow = withShared(group.command('watch'))
    .argument('<run>')
    .description('follow a run until it has ended')
  withExamples(follow, 'tutti workflow watch RUN')
  follow.action(async (id: string, options: SharedOptions) => {
    await watch(clientOf(options), id, options)
  })
}

function addSteering(group: Command): void {
  const cancel = withShared(group.command('cancel'))
    .argument('<run>')
    .option('--reason <text>', 'stands in the journal', 'cancelled')
    .description('end a run; steps under way are told')
  withExamples(cancel, 'tutti workflow cancel RUN --reason "ordered twice"')
  cancel.action(async (id: string, options: SharedOptions & { readonly reason: string }) => {
    const answer = await clientOf(options).cancelRun(id, options.reason)
    if (options.json === true) printJson(answer)
    else print(`run ${id} is being cancelled`)
  })
  const retry = withShared(group.command('retry'))
    .argument('<run>')
    .description('a new run that goes on from the step at which this one failed')
  withExamples(retry, 'tutti workflow retry RUN')
  retry.action(async (id: string, options: SharedOptions) => {
    const answer = await clientOf(options).retryRun(id)
    if (options.json === true) printJson(answer)
    else print(`run ${answer.id} goes on from where ${id} failed`)
  })
  addTurns(group)
  addWorkflowBackfill(group)
  const event = withShared(group.command('event'))
    .argument('<file>', 'a CloudEvent as JSON or YAML; - reads standard input')
    .description('hand an event to the runs that wait for it')
  withExamples(event, 'tutti workflow event paid.json')
  event.action(async (file: string, options: SharedOptions) => {
    for (const { value } of readDocuments(file)) {
      const answer = await clientOf(options).sendEvent({ ...Object(value) })
      if (options.json === true) printJson(answer)
      else print(answer.isNew ? 'handed over' : 'known already: nothing to do')
    }
  })
}

function addTurns(group: Command): void {
  const pause = withShared(group.command('pause'))
    .argument('<run>')
    .description('begin no further step; what is under way ends, answers are kept')
  withExamples(pause, 'tutti workflow pause RUN')
  pause.action(async (id: string, options: SharedOptions) => {
    const answer = await clientOf(options).pauseRun(id)
    if (options.json === true) printJson(answer)
    else print(`run ${id} is being paused`)
  })
  const resume = withShared(group.command('resume'))
    .argument('<run>')
    .description('go on with a run that was paused')
  withExamples(resume, 'tutti workflow resume RUN')
  resume.action(async (id: string, options: SharedOptions) => {
    const answer = await clientOf(options).resumeRun(id)
    if (options.json === true) printJson(answer)
    else print(`run ${id} goes on`)
  })
  const fork = withShared(group.command('fork'))
    .argument('<run>')
    .argument('<from>', 'the key of a task, as `tutti workflow show` has it')
    .option('-i, --input <json>', 'what that task gets, as JSON or YAML')
    .description('a new run that goes on from where a task began')
  withExamples(fork, `tutti workflow fork RUN /do/1/charge --input '{"amount": 5}'`)
  fork.action(async (id: string, from: string, options: RunOptions) => {
    const { input } = options
    const edited = input === undefined ? {} : { input: readValue(input) }
    const answer = await clientOf(options).forkRun(id, { from, ...edited })
    if (options.json === true) printJson(answer)
    else print(`run ${answer.id} goes on from ${from} of ${id}`)
  })
}

function readValue(text: string): unknown {
  return parseDocuments('the argument', text)[0]?.value
}

async function watch(client: Client, id: string, options: SharedOptions): Promise<void> {
  for await (const { event, data } of client.runEvents(id)) {
    if (event === 'ended' || options.json === true) continue
    const { key = '' }: { readonly key?: string } = JSON.parse(data)
    print(`${event} ${key}`.trim())
  }
  const detail = await client.run(id)
  if (options.json === true) printJson(detail)
  else print(describe(detail))
  if (detail.status !== 'completed') process.exitCode = 1
}

function describe({ id, workflow, status, outcome }: RunAnswer): string {
  const head = `run ${id} of ${workflow}: ${status}`
  if (outcome === null) return head
  const { output, error, reason } = outcome
  if (error !== undefined) return `${head}: ${error.detail ?? error.type} (${error.status})`
  return reason === undefined ? `${head}\n${JSON.stringify(output, null, 2)}` : `${head}: ${reason}`
}

function rowOf({ id, workflow, status, startedAtMs }: RunAnswer) {
  return { run: id, workflow, status, age: formatAge(Date.now() - startedAtMs) }
}
