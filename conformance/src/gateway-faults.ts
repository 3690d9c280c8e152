// Conformance: gateway faults
//
// The sixteen scenarios of failoverbench against a real gateway with a primary and a fallback, in OpenAI's and
// Anthropic's dialect, streaming and not. Only a pass counts: the complete answer (S13: a clean error) and every
// check, the advisory ones too. Each check of the catalogue must be known here, so that none is left out.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { type ChatResult, callChat } from './chat-call.ts'
import { declare, untilKnown } from './dialect-bed.ts'
import {
  type Dialect,
  type FaultCase,
  type FaultServer,
  startFaultServer,
  tokens,
  usage,
} from './fault-server.ts'
import { type LocalFleet, startLocalFleet } from './local-fleet.ts'
import { type Score, Scoring } from './score.ts'

export const catalogue = 'gateway/failoverbench-catalogue.yaml'

interface Scenario {
  readonly title: string
  readonly max_wall_s: number
  readonly ideal?: 'error'
  readonly checks: readonly string[]
}

export async function gatewayFaults(data: string): Promise<Score> {
  const scenarios: Record<string, Scenario> = parse(readFileSync(join(data, catalogue), 'utf8'))
  const fleet = await startLocalFleet([])
  const faults = await startFaultServer()
  const scoring = new Scoring()
  try {
    const modes = [
      { dialect: 'openai', stream: true },
      { dialect: 'openai', stream: false },
      { dialect: 'anthropic', stream: true },
      { dialect: 'anthropic', stream: false },
    ] as const
    const cases = Object.keys(scenarios).flatMap((id) =>
      modes.map((mode) => ({ ...mode, id, name: nameOf(id, mode) })),
    )
    for (const { name, dialect } of cases) await declareCase(fleet, faults, name, dialect)
    const notes = await Promise.all(
      cases.map(async ({ id, name, dialect, stream }) => {
        const scenario = scenarios[id]
        if (scenario === undefined) return [`${id} is not in the catalogue`]
        const run = { fleet, name, of: faults.add(name, dialect, stream), scenario }
        return (await judge(run)).map((what) => `${name}, ${scenario.title}: ${what}`)
      }),
    )
    for (const [i, { name }] of cases.entries()) {
      scoring.check(notes[i]?.length === 0, notes[i]?.join('; ') || name)
    }
    return scoring.score
  } finally {
    await faults.stop()
    await fleet.stop()
  }
}

function nameOf(id: string, mode: { readonly dialect: Dialect; readonly stream: boolean }): string {
  return `${id.toLowerCase()}-${mode.dialect}-${mode.stream ? 'stream' : 'whole'}`
}

/** A primary, a fallback and the route over both, as anybody would declare them. */
async function declareCase(
  fleet: LocalFleet,
  faults: FaultServer,
  name: string,
  dialect: Dialect,
): Promise<void> {
  for (const role of ['primary', 'fallback']) {
    const baseUrl = `${faults.url}/${name}/${role}/v1`
    await declare(fleet, 'Provider', `${name}-${role}`, {
      dialect,
      baseUrl,
      allowPrivateNetwork: true,
    })
  }
  const prefill = !name.startsWith('s14')
  await declare(fleet, 'Route', name, {
    targets: [
      { provider: `${name}-primary`, model: 'fb-primary' },
      { provider: `${name}-fallback`, model: 'fb-ok', tier: 1, prefill },
    ],
  })
}

interface Run {
  readonly fleet: LocalFleet
  readonly name: string
  readonly of: FaultCase
  readonly scenario: Scenario
}

/** What does not hold. */
async function judge(run: Run): Promise<string[]> {
  const { fleet, name, of, scenario } = run
  const call = () =>
    callChat({ url: fleet.gateway, key: fleet.key, model: name }, of.dialect, of.stream)
  await untilKnown(fleet, name)
  const startMs = performance.now()
  const results: ChatResult[] = []
  const rounds = of.scenario === 'S15' ? 10 : 1
  for (let i = 0; i < rounds; i++) {
    if (i > 0) await pause(1_200)
    results.push(await call())
  }
  const tookMs = performance.now() - startMs
  of.isOver = true
  const healthy = of.scenario === 'S09' || of.scenario === 'S10' ? await call() : null
  const complaints: string[] = []
  for (const result of results) {
    const isIdeal = scenario.ideal === 'error' ? isCleanError(result) : isWhole(result)
    if (!isIdeal) complaints.push(`${result.kind} ${result.status} ${result.error}`.trim())
  }
  const seen = { of, results, tookMs, healthy, scenario }
  for (const check of scenario.checks) {
    const holds = checks[check]
    if (holds === undefined) complaints.push(`nobody knows the check "${check}"`)
    else if (!holds(seen)) complaints.push(check)
  }
  return complaints
}

interface Seen {
  readonly of: FaultCase
  readonly results: readonly ChatResult[]
  readonly tookMs: number
  readonly healthy: ChatResult | null
  readonly scenario: Scenario
}

const wholeText = tokens.join('')

function isWhole({ kind, text }: ChatResult): boolean {
  return kind === 'complete' && text === wholeText
}

function isCleanError({ kind, status, error }: ChatResult): boolean {
  return kind === 'error' && status >= 400 && error !== ''
}

const primary = ({ of }: Seen) => of.asked.primary
const first = ({ results }: Seen) => results[0]
const inside = (times: readonly number[], ms: number) =>
  times.filter((at) => at - (times[0] ?? 0) <= ms).length
const noTruncatedSuccess = ({ results }: Seen) =>
  results.every(
    (result) => result.kind !== 'truncated' && (result.kind === 'error' || isWhole(result)),
  )

const checks: Readonly<Record<string, (seen: Seen) => boolean>> = {
  'no hang': ({ tookMs, scenario }) => tookMs <= scenario.max_wall_s * 1_000,
  'retried >= 2 attempts (a)': (seen) => primary(seen).length >= 2,
  'first gap >= 1.8 s (a)': (seen) =>
    (primary(seen)[1] ?? Infinity) - (primary(seen)[0] ?? 0) >= 1_800,
  '<= 2 attempts inside 1.5 s': (seen) => inside(primary(seen), 1_500) <= 2,
  '<= 4 attempts inside 3 s': (seen) => inside(primary(seen), 3_000) <= 4,
  '<= 6 attempts': ({ of }) => of.asked.primary.length + of.asked.fallback.length <= 6,
  '>= 2 attempts on the same provider (a)': (seen) => primary(seen).length >= 2,
  'ends within 100 s': ({ tookMs }) => tookMs <= 100_000,
  'silent route not retried: 1 attempt (a)': (seen) => primary(seen).length === 1,
  'with a fallback: ends within 15 s (a)': ({ tookMs }) => tookMs <= 15_000,
  'no truncated success': noTruncatedSuccess,
  'ends within 45 s': ({ tookMs }) => tookMs <= 45_000,
  'a healthy call works afterwards': ({ healthy }) => healthy !== null && isWhole(healthy),
  'alive after': ({ healthy }) => healthy !== null && isWhole(healthy),
  'no garbage shown as success': noTruncatedSuccess,
  'complete answer recovered (a)': ({ results }) => results.every(isWhole),
  'ends within 8 s': ({ tookMs }) => tookMs <= 8_000,
  'usage reported (a)': (seen) => first(seen)?.outputTokens === usage.output,
  'usage present (a)': (seen) => first(seen)?.outputTokens === usage.output,
  'exactly 1 attempt on that model': (seen) => primary(seen).length === 1,
  'final error is never the prefill refusal': ({ results }) =>
    results.every(({ error }) => !error.includes('prefill')),
  'served by the fallback during the outage': (seen) => first(seen)?.model === 'fb-ok',
  'back on the primary within 30 s of recovery': ({ results }) =>
    results.at(-1)?.model === 'fb-primary',
  'response model names the fallback': (seen) => first(seen)?.model === 'fb-ok',
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms)
  })
}
