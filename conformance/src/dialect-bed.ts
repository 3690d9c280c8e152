// Dialect bed
//
// A real gateway with one route to a scripted engine for each dialect: what the judges of dialects stand on.

import { type LocalFleet, startLocalFleet } from './local-fleet.ts'
import { engineNames, type ScriptedEngine, startScriptedEngine } from './scripted-engine.ts'
import type { EngineName } from './wire/wire-dialect.ts'

export interface DialectBed {
  readonly fleet: LocalFleet
  readonly engine: ScriptedEngine
  /** The model whose engine speaks this dialect. */
  readonly modelOf: (dialect: EngineName) => string
  readonly stop: () => Promise<void>
}

export async function startDialectBed(): Promise<DialectBed> {
  const fleet = await startLocalFleet([])
  const engine = await startScriptedEngine()
  const stop = async () => {
    await engine.stop()
    await fleet.stop()
  }
  const modelOf = (dialect: EngineName) => `to-${dialect}`
  try {
    for (const dialect of engineNames) {
      const name = modelOf(dialect)
      const baseUrl = engine.baseUrl(dialect)
      const provider = { dialect, baseUrl, allowPrivateNetwork: true }
      // Of those that speak OpenAI's dialect Google's sign their calls, and are told so by their name.
      const model = dialect === 'openai' ? 'gemini-engine' : 'engine-model'
      const route = { targets: [{ provider: name, model }] }
      await declare(fleet, 'Provider', name, provider)
      await declare(fleet, 'Route', name, route)
      await untilKnown(fleet, name)
    }
    return { fleet, engine, modelOf, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

export async function declare(
  fleet: LocalFleet,
  kind: 'Provider' | 'Route',
  name: string,
  spec: object,
): Promise<void> {
  await fleet.client.apply(
    { kind: `${kind.toLowerCase()}s`, name },
    { apiVersion: 'tutti/v1', kind, metadata: { name }, spec },
  )
}

/** Waits until the gateway has the route: it follows the control plane. */
export async function untilKnown(fleet: LocalFleet, name: string): Promise<void> {
  for (let i = 0; i < 100; i++) {
    const answer = await fetch(`${fleet.gateway}/v1/models`, {
      headers: { authorization: `Bearer ${fleet.key}` },
    })
    if ((await answer.text()).includes(`"${name}"`)) return
    await new Promise((resolve) => {
      setTimeout(resolve, 100)
    })
  }
  throw new Error(`the gateway has no route ${name} after ten seconds`)
}
