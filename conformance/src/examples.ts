// Conformance: examples
//
// Every workflow of the examples over a real gateway and real nodes, started once for all: as users run it; each of its steps
// failed once and repeated once; and its engine, a process of its own, killed at every append to the journal, before it and
// after it. Each time the output is the same, nothing that is written is done again, and nothing is lost.

import { canonicalJson } from '@tutti/core/resource'
import {
  type Bench,
  cases,
  type Ended,
  type Example,
  openBench,
  openWorld,
  runInWorld,
  type Trouble,
  type World,
} from '@tutti/examples/workflows'
import { type Score, Scoring } from './score.ts'

/** Which troubles are made: all of them, or every so many, from the first on. */
export interface Sample {
  readonly cases: readonly string[]
  readonly steps: number
  readonly kills: number
}

const all: Sample = { cases: Object.keys(cases), steps: 1, kills: 1 }

export async function examples(): Promise<Score> {
  const world = await openWorld()
  try {
    return await judgeExamples(world, all)
  } finally {
    await world.stop()
  }
}

export async function judgeExamples(world: World, sample: Sample): Promise<Score> {
  const scoring = new Scoring()
  const bench = await openBench(world)
  try {
    for (const name of sample.cases) {
      const example = cases[name]?.(world.places)
      if (example === undefined) throw new Error(`there is no example ${name}`)
      await judge({ name, example, world, bench }, sample, scoring)
    }
    return scoring.score
  } finally {
    await bench.stop()
  }
}

interface Case {
  readonly name: string
  readonly example: Example
  readonly world: World
  readonly bench: Bench
}

async function judge(one: Case, sample: Sample, scoring: Scoring): Promise<void> {
  const { name, example, world, bench } = one
  const answer = () => example.answer ?? null
  const used = await runInWorld(world, example, { answer })
  scoring.check(used.status === 'completed', `${name}: ${JSON.stringify(used)}`)
  const whole = await bench.run(example, { kind: 'none' })
  const [alone, asUsed] = [whole.outcome, used].map(withoutPeople)
  scoring.check(alone === asUsed, `${name}: on the bench ${alone}, as users run it ${asUsed}`)
  const troubles = troublesOf(whole, sample)
  // What ends together is written together: a run may have fewer writes than the first one.
  let killed = 0
  for (const trouble of troubles) {
    const ended = await bench.run(example, trouble).catch((error: unknown) => String(error))
    const wrong = typeof ended === 'string' ? ended : differenceOf(whole, ended, trouble)
    scoring.check(wrong === null, `${name}, ${JSON.stringify(trouble)}: ${wrong}`)
    if (typeof ended !== 'string' && ended.wasKilled) killed += 1
  }
  const kills = troubles.filter(({ kind }) => kind === 'kill').length
  scoring.check(killed * 2 >= kills, `${name}: only ${killed} engines of ${kills} were killed`)
  scoring.tell(`${name}: ${troubles.length - kills} troubles of steps, ${killed} engines killed`)
}

function troublesOf({ steps, writes }: Ended, sample: Sample): readonly Trouble[] {
  const told = steps.filter((_, index) => index % sample.steps === 0)
  const inSteps = told.flatMap((step) =>
    (['fail', 'repeat'] as const).map((kind) => ({ kind, step })),
  )
  const kills = Array.from({ length: writes }, (_, index) => index + 1)
    .filter((at) => (at - 1) % sample.kills === 0)
    .flatMap((at) =>
      (['before', 'after'] as const).map((when) => ({ kind: 'kill' as const, at, when })),
    )
  return [...inSteps, ...kills]
}

/** What is not as it is without trouble; null where all is. */
function differenceOf(whole: Ended, ended: Ended, trouble: Trouble): string | null {
  const [expected, seen] = [whole.outcome, ended.outcome].map((one) => JSON.stringify(one))
  if (expected !== seen) return `expected ${expected}, got ${seen}`
  if (trouble.kind === 'fail') return null // a step more has failed
  const [all, there] = [whole.completed, ended.completed].map((keys) => [...keys].sort().join())
  return all === there ? null : `expected the steps ${all}, got ${there}`
}

/** Who answered is another here and there: an admin, and somebody of the bench. */
function withoutPeople(outcome: object): string {
  const output: unknown = Reflect.get(outcome, 'output')
  const by = Object(output).by
  const text = canonicalJson(JSON.parse(JSON.stringify(output ?? null)))
  return typeof by === 'string' ? text.replaceAll(by, 'somebody') : text
}
