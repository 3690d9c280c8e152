// npm run example -- NAME: runs one workflow on a site of its own, tells what happens, and lets people answer.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline/promises'
import { planRun, workflowName } from '@tutti/core/workflow'
import { runTutti } from '../demo/processes.ts'
import { say, title } from '../demo/stage.ts'
import { cases } from './cases.ts'
import type { Example } from './engine-bed.ts'
import { runInWorld } from './run-in-world.ts'
import { openWorld, type World } from './world.ts'

const [name = '', ...flags] = process.argv.slice(2)
/** With `--ci` nobody is asked: the answers of the case are given. */
const isAttended = process.stdin.isTTY && !flags.includes('--ci')
const nowhere = { site: 'http://shop.example', workshop: 'http://workshop.example', plane: '' }

const make = cases[name]
if (make === undefined) {
  say('npm run example -- NAME [--print | --ci]')
  for (const [key, one] of Object.entries(cases))
    say(`  ${key.padEnd(12)} ${titleOf(one(nowhere))}`)
  say('\n--print writes the document alone; --ci gives the answers of people by itself')
  process.exitCode = name === '' ? 0 : 1
} else if (flags.includes('--print')) {
  process.stdout.write(`${JSON.stringify(make(nowhere).document, null, 2)}\n`)
} else {
  await play(make)
}

function titleOf({ document }: Example): string {
  const { document: head } = Object(document)
  return `${workflowName(head)}: ${head.title}`
}

async function play(of: NonNullable<typeof make>): Promise<void> {
  title('A site on this machine')
  const { routes } = planRun(of(nowhere).document)
  const wanted = routes.includes('*') ? {} : { models: routes } // "*": only the run knows
  const world = await openWorld({ say: (line) => say(`  ${line}`), ...wanted })
  const stop = () => void world.stop().then(() => process.exit(130))
  process.on('SIGINT', stop)
  try {
    await run(world, of(world.places))
    if (isAttended) await look(world)
  } finally {
    await world.stop()
  }
}

async function run(world: World, example: Example): Promise<void> {
  title(titleOf(example))
  const outcome = await runInWorld(world, example, {
    started: (id, workflow) => say(`  run ${id} of ${workflow}`),
    happened: (kind, key) => {
      if (key !== '') say(`  ${markOf(kind)} ${stepOf(key)}`)
    },
    answer: (task) => answer({ ...task, world, example }),
  })
  const { status, output, error } = outcome
  title(`The run is ${status}`)
  say(JSON.stringify(output ?? error, null, 2))
  process.exitCode = status === 'completed' ? 0 : 1
}

interface Asked {
  readonly run: string
  readonly key: string
  readonly world: World
  readonly example: Example
}

/** Somebody answers with the command line, as anybody can who may. */
async function answer({ run: id, key, world, example }: Asked): Promise<null> {
  const task = (await world.client.tasks()).find((one) => one.run === id && one.key === key)?.task
  const { title: question, task: _, ...about } = Object(task)
  title(question ?? 'Somebody is asked')
  for (const [what, value] of Object.entries(about)) {
    if (value !== null) say(`  ${what.padEnd(7)} ${JSON.stringify(value).slice(0, 300)}`)
  }
  const usual = JSON.stringify(example.answer ?? null)
  for (;;) {
    const text = isAttended ? await ask(`  answer  [${usual}] `) : ''
    const args = ['workflow', 'answer', id, key, text === '' ? usual : text]
    say(`  $ npx tutti ${args.map(quoted).join(' ')}`)
    const { status, out } = await runTutti([...args, '--home', world.home])
    for (const line of out.split('\n')) say(`    ${line}`)
    if (status === 0) return null // anything else is asked for again
    if (!isAttended) throw new Error(`the answer was refused: ${out}`)
  }
}

/** What is there can be looked at until somebody has seen enough. */
async function look({ home, inference }: World): Promise<void> {
  const script = join(home, 'example.sh')
  writeFileSync(script, `export TUTTI_HOME=${home}\n`, { mode: 0o600 })
  title('It stays up: look around in another terminal')
  say(`  . ${script}`)
  say('  npx tutti workflow list')
  say('  npx tutti workflow show RUN')
  say('  npx tutti get deployments')
  say('  npx tutti requests')
  say(`  the gateway answers at ${inference.url}`)
  await ask('\nEnter ends it. ')
}

async function ask(question: string): Promise<string> {
  const terminal = createInterface({ input: process.stdin, output: process.stdout })
  try {
    return (await terminal.question(question)).trim()
  } finally {
    terminal.close()
  }
}

function markOf(kind: string): string {
  return { completed: '✓', failed: '✗' }[kind] ?? '·'
}

/** A key without what every key has: `/do/1/score/fork/0/credit` is `score › credit`. */
function stepOf(key: string): string {
  const noise = /^(do|try|catch|for|fork|with|branches|undo|\d+)$/
  const names = key.split('/').filter((part) => part !== '' && !noise.test(part))
  return names.join(' › ')
}

function quoted(argument: string): string {
  return /^[\w/.:@-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", "'\\''")}'`
}
