// Run scenario
//
// Carries out the steps of one scenario in their order. The steps are those of the specification's own kit, and
// those that ../../kit/README.md adds.

import { isDeepStrictEqual } from 'node:util'
import type { Egress } from '@tutti/control-plane/workflow'
import type { CloudEvent, Outcome } from '@tutti/core/workflow'
import type { Scenario, Step } from '../feature.ts'
import type { Json, KitBench, Named } from './kit-bench.ts'
import { type Answer, ScriptedHosts } from './scripted-hosts.ts'
import { type RouteAnswer, ScriptedRoutes } from './scripted-routes.ts'

const endMsMax = 10_000 // scenarios take milliseconds; a busy machine takes longer

/** Null where everything that the scenario says is so; else the step and what came instead. */
export async function runScenario(
  bench: KitBench,
  scenario: Scenario,
  /** `elsewhere` answers for the addresses that the scenario does not script. */
  world: { readonly project: string; readonly elsewhere?: Egress },
): Promise<string | null> {
  const stage = new Stage(bench, world)
  try {
    for (const step of scenario.steps) {
      const wrong = await stage.take(step)
      if (wrong !== null) return `${step.text}: ${wrong}`
    }
    return null
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  } finally {
    await stage.clear()
  }
}

type Take = (match: readonly string[], value: unknown) => Promise<string | null> | string | null

class Stage {
  readonly #bench: KitBench
  readonly #hosts: ScriptedHosts
  readonly #routes = new ScriptedRoutes()
  readonly #secrets: Record<string, Json> = {}
  readonly #known = new Map<string, Named>()
  readonly #runs = new Map<string, string>()
  readonly #steps: (readonly [RegExp, Take])[]
  /** The workflow that `the workflow` means; the last definition given. */
  #main = ''
  #input: Json = {}
  #refusal: string | null = null

  constructor(
    bench: KitBench,
    { project, elsewhere }: { readonly project: string; readonly elsewhere?: Egress },
  ) {
    this.#bench = bench
    this.#hosts = new ScriptedHosts(elsewhere)
    bench.enter({
      ...{ project, secrets: this.#secrets },
      ...{ egress: this.#hosts.egress, routes: this.#routes },
    })
    this.#steps = [...this.#givens(), ...this.#whens(), ...this.#outcomes(), ...this.#outputs()]
    this.#steps.push(...this.#sights(), ...this.#extensions())
  }

  async take({ text, value }: Step): Promise<string | null> {
    for (const [pattern, take] of this.#steps) {
      const match = pattern.exec(text)
      if (match !== null) return await take([...match].slice(1), value)
    }
    return 'nobody knows this step'
  }

  /** Leaves nothing behind that waits for events. */
  async clear(): Promise<void> {
    for (const run of this.#runs.values()) {
      if ((await this.#bench.outcome(run, 0)) === null) await this.#bench.cancel(run)
    }
  }

  #declare(value: unknown, isMain: boolean): null {
    const declared = this.#bench.declare(value as Json)
    if (typeof declared === 'string') {
      this.#refusal = declared
      return null
    }
    this.#known.set(declared.name, declared)
    if (isMain) this.#main = declared.name
    return null
  }

  async #start(name: string): Promise<string | null> {
    const named = this.#known.get(name)
    if (named === undefined) return `it is not known: ${this.#refusal ?? 'no definition was given'}`
    this.#runs.set(name, await this.#bench.start(named, this.#input))
    return null
  }

  #run(name: string | undefined): string {
    const run = this.#runs.get(name ?? this.#main)
    if (run === undefined) throw new Error(`the workflow was not executed: ${this.#refusal ?? ''}`)
    return run
  }

  async #outcome(name: string | undefined): Promise<Outcome | null> {
    return await this.#bench.outcome(this.#run(name), endMsMax)
  }

  #givens(): (readonly [RegExp, Take])[] {
    return [
      [/^(?:given )?a workflow with definition$/, (_, value) => this.#declare(value, true)],
      [/^a workflow is registered with definition$/, (_, value) => this.#declare(value, false)],
      [
        /^(?:given )?the workflow input is$/,
        (_, value) => {
          this.#input = value as Json
          return null
        },
      ],
      [
        /^(?:given )?the secret '(.+)' is$/,
        ([name = ''], value) => {
          this.#secrets[name] = value as Json
          return null
        },
      ],
      [
        /^(?:given )?'(\w+ \S+)' answers$/,
        ([about = ''], value) => {
          this.#hosts.script(about, [value].flat() as Answer[])
          return null
        },
      ],
    ]
  }

  #whens(): (readonly [RegExp, Take])[] {
    return [
      [/^the workflow is executed$/, () => this.#start(this.#main)],
      [/^the workflow '(.+)' is executed$/, ([name = '']) => this.#start(name)],
      [
        /^the events? (?:is|are) published$/,
        async (_, value) => {
          await this.#bench.untilIdle()
          for (const event of [value].flat()) {
            await this.#bench.publish({ specversion: '1.0', ...(event as CloudEvent) })
          }
          return null
        },
      ],
      [
        /^the runtime is restarted$/,
        async () => {
          await this.#bench.untilIdle()
          await this.#bench.restart()
          return null
        },
      ],
      [
        /^the workflow is cancelled$/,
        async () => {
          await this.#bench.untilIdle()
          await this.#bench.cancel(this.#run(this.#main))
          return null
        },
      ],
    ]
  }

  #outcomes(): (readonly [RegExp, Take])[] {
    const of = /^the workflow(?: '(?<name>.+)')? should /.source
    const ends = (what: string, holds: (outcome: Outcome, value: unknown) => boolean) =>
      [
        new RegExp(`${of}${what}$`),
        async ([name]: readonly string[], value: unknown) => {
          const outcome = await this.#outcome(name)
          return unless(outcome !== null && holds(outcome, value), outcome)
        },
      ] as const
    return [
      ends('complete', ({ status }) => status === 'completed'),
      ends('complete with output', (outcome, value) => isDeepStrictEqual(outputOf(outcome), value)),
      ends('fault', ({ status }) => status === 'faulted'),
      ends(
        'fault with error',
        (outcome, value) =>
          outcome.status === 'faulted' &&
          Object.entries(value ?? {}).every(([name, wanted]) =>
            isDeepStrictEqual(memberOf(outcome.error, name), wanted),
          ),
      ),
      ends('be cancelled', ({ status }) => status === 'cancelled'),
      [
        new RegExp(`${of}wait$`),
        async ([name]) => {
          await this.#bench.untilIdle()
          const outcome = await this.#bench.outcome(this.#run(name), 0)
          return unless(outcome === null, outcome)
        },
      ],
      [
        /^the workflow should be refused$/,
        () => unless(this.#refusal !== null, 'a workflow that was accepted'),
      ],
    ]
  }

  #outputs(): (readonly [RegExp, Take])[] {
    const output = async () => {
      const outcome = await this.#outcome(undefined)
      return outcome === null ? undefined : outputOf(outcome)
    }
    return [
      [
        /^the workflow output should have properties (.+)$/,
        async ([names = '']) => {
          const seen = await output()
          const missing = [...names.matchAll(/'([^']+)'/g)]
            .map(([, name]) => name ?? '')
            .filter((name) => memberOf(seen, name) === undefined)
          return unless(missing.length === 0, seen)
        },
      ],
      [
        /^the workflow output should have a '([^']+)' property with value$/,
        async ([name = ''], value) => {
          const found = memberOf(await output(), name)
          return unless(isDeepStrictEqual(found, value), found)
        },
      ],
      [
        /^the workflow output should have a '([^']+)' property containing (\d+) items?$/,
        async ([name = '', count]) => {
          const found = memberOf(await output(), name)
          return unless(Array.isArray(found) && found.length === Number(count), found)
        },
      ],
    ]
  }

  /** What only the scenarios of our own extensions need. */
  #extensions(): (readonly [RegExp, Take])[] {
    const bench = this.#bench
    const main = () => this.#run(this.#main)
    return [
      [
        /^(?:given )?the route '(\S+)' answers$/,
        ([route = ''], value) => {
          this.#routes.script(route, [value].flat() as RouteAnswer[])
          return null
        },
      ],
      [
        /^the route '(\S+)' should have been asked (\d+) times?$/,
        async ([route = '', times]) => {
          await bench.untilIdle()
          return unless(this.#routes.asked(route) === Number(times), this.#routes.asked(route))
        },
      ],
      [
        /^the task '(\w+)' is answered with$/,
        async ([task = ''], value) => {
          await bench.untilIdle()
          const isAsked = await bench.answer(main(), task, value as Json)
          return unless(isAsked, 'nobody is asked')
        },
      ],
      [
        /^the task '(\w+)' should wait for the role '(\w+)'$/,
        async ([task = '', wanted]) => {
          const limitMs = Date.now() + endMsMax
          for (;;) {
            await bench.untilIdle()
            const role = await bench.roleFor(main(), task)
            if (role === wanted || Date.now() > limitMs) return unless(role === wanted, role)
          }
        },
      ],
    ]
  }

  #sights(): (readonly [RegExp, Take])[] {
    const began = async () => {
      await this.#bench.untilIdle()
      return await this.#bench.began()
    }
    return [
      [
        /^(\w+) should run (first|last)$/,
        async ([task, where]) => {
          const seen = await began()
          return unless(seen.at(where === 'first' ? 0 : -1) === task, seen)
        },
      ],
      [
        /^(\w+) should run after (\w+)$/,
        async ([later = '', sooner = '']) => {
          const seen = await began()
          const at = seen.indexOf(sooner)
          return unless(at >= 0 && seen.indexOf(later) > at, seen)
        },
      ],
      [
        /^(\w+) should (?:not run|run (\d+) times?)$/,
        async ([task, times = '0']) => {
          const seen = await began()
          return unless(seen.filter((one) => one === task).length === Number(times), seen)
        },
      ],
      [
        /^'(\w+ \S+)' should have been called (\d+) times?$/,
        async ([about = '', times]) => {
          await this.#bench.untilIdle()
          const asked = this.#hosts.asked(about)
          return unless(asked.length === Number(times), asked)
        },
      ],
      [
        /^'(\w+ \S+)' should have been called with$/,
        async ([about = ''], value) => {
          await this.#bench.untilIdle()
          const last = this.#hosts.asked(about).at(-1)
          return unless(last !== undefined && holds(last, value), last)
        },
      ],
    ]
  }
}

/** Whether all that is wanted is in what is there; lists and plain values must be equal. */
function holds(there: unknown, wanted: unknown): boolean {
  if (typeof wanted !== 'object' || wanted === null || Array.isArray(wanted)) {
    return isDeepStrictEqual(there, wanted)
  }
  const members = Object.entries(wanted)
  return members.every(([name, value]) => holds(Object(there)[name], value))
}

function unless(isSo: boolean, got: unknown): string | null {
  return isSo ? null : `got ${JSON.stringify(got)?.slice(0, 400)}`
}

function outputOf(outcome: Outcome): unknown {
  return outcome.status === 'completed' ? outcome.output : undefined
}

function memberOf(value: unknown, path: string): unknown {
  let at = value
  for (const name of path.split('.')) {
    at = Object.entries(at ?? {}).find(([key]) => key === name)?.[1]
  }
  return at
}
