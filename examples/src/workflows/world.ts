// World
//
// A whole site on this machine for the examples: a control plane with its Postgres, a gateway, two nodes that serve their
// models, a workshop, and stand-ins for language models and outside systems. Started once for all of them, ended by pid.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from '@tutti/sdk'
import { type Running, runTutti, startTutti, stopAll, untilLogged } from '../demo/processes.ts'
import { type ModelDraft, writeModelFolder } from '../models/model-folder.ts'
import { partsModel } from '../models/parts-models.ts'
import { trainDetector, vibrationModel } from '../models/vibration-model.ts'
import type { Places } from './cases.ts'
import type { BenchParts } from './engine-bed.ts'
import { loanModels } from './loan/loan-models.ts'
import { firstPartsNetwork } from './quality/retrain-parts.ts'
import { demandModel } from './ride/ride-price.ts'
import { openSite } from './site.ts'
import { chats, pages } from './stand-ins.ts'
import { openWorkshop, type Workshop } from './workshop.ts'

export interface World extends BenchParts {
  /** Of keys and settings: `npx tutti --home` uses it. */
  readonly home: string
  readonly client: Client
  readonly places: Places
  readonly workshop: Workshop
  readonly stop: () => Promise<void>
}

const nodeNames = ['hall-a', 'hall-b'] as const
/** The lab has the first node: models are tried there. */
const labelsOf = (name: string) => (name === nodeNames[0] ? { room: 'lab' } : { room: 'hall' })
const readyMsMax = 60_000 // a gateway hears of what is new within seconds, on a busy machine too

export interface WorldWish {
  /** Is told what is being done. */
  readonly say?: (line: string) => void
  /** Where CLINC150 lies. */
  readonly clinc?: string
  /** Names of the models that are wanted; absent: all. */
  readonly models?: readonly string[]
}

export async function openWorld({ say = () => {}, clinc, models }: WorldWish = {}): Promise<World> {
  const drafts = allDrafts().filter(({ model }) => models?.includes(model) ?? true)
  const folder = mkdtempSync(join(tmpdir(), 'tutti-examples-'))
  const ends: (() => unknown)[] = []
  const stop = async () => {
    for (const end of ends.reverse()) await end()
    await stopAll()
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    const home = join(folder, 'home')
    say('a control plane, a gateway and two nodes are started')
    const { client, gateway } = await startCentre(folder)
    await Promise.all(nodeNames.map((name) => startNode({ client, folder, home }, name)))
    const site = await openSite({ chats, pages })
    ends.push(site.stop)
    const push = (model: string) => tutti(home, 'model', 'push', model)
    const part = clinc === undefined ? {} : { clinc }
    const workshop = await openWorkshop({ folder: join(folder, 'workshop'), push, ...part })
    ends.push(workshop.stop)
    say('models are trained, pushed and rolled out')
    await declareChats(client, site.url)
    await Promise.all(drafts.map((draft) => deploy({ client, folder, home }, draft)))
    const release = await makeKey(client, home)
    const { url, workflow } = { url: gateway, workflow: keyOf(home) }
    const names = [...drafts.map(({ model }) => model), ...Object.keys(chats)]
    await answering({ url, key: workflow }, names)
    return {
      ...{ home, client, workshop, stop },
      places: { site: site.url, workshop: workshop.url, plane: urlOf(home) },
      inference: { url, key: workflow },
      secrets: { release },
    }
  } catch (error) {
    await stop()
    throw error
  }
}

interface Centre {
  readonly client: Client
  readonly folder: string
  readonly home: string
}

async function startCentre(folder: string) {
  const home = join(folder, 'home')
  const ports = ['--port', '0', '--gateway-port', '0', '--heartbeat-ms', '1000']
  const args = ['up', '--home', home, '--no-node', '--allow-private-calls', ...ports]
  await untilLogged(startTutti(args, join(folder, 'up.log')), /Tutti is up/)
  const { url, key, gateway } = JSON.parse(readFileSync(join(home, 'context.json'), 'utf8'))
  return { client: new Client({ url, key }), gateway: String(gateway) }
}

async function startNode({ client, folder, home }: Centre, name: string): Promise<Running> {
  const { token } = await client.makeToken({ labels: labelsOf(name) })
  const about = ['--name', name, '--token', token, '--threads', '1', '--data', join(folder, name)]
  const node = startTutti(['join', '--home', home, ...about], join(folder, `${name}.log`))
  await untilLogged(node, /node answers at/)
  return node
}

/** The models that workflows ask; `camera` is `parts` as it was at first, and stays so. */
function allDrafts(): readonly ModelDraft[] {
  const parts = partsModel('v1', firstPartsNetwork())
  const vibration = vibrationModel(trainDetector())
  return [...loanModels(), demandModel(), vibration, parts, { ...parts, model: 'camera' }]
}

async function deploy({ client, folder, home }: Centre, draft: ModelDraft): Promise<void> {
  const made = await writeModelFolder(join(folder, 'models'), draft)
  await tutti(home, 'model', 'push', made.folder)
  const strategy = { soakMs: 0, canary: { perStratum: 1 } }
  const spec = { model: `${draft.model}:${draft.version}`, strategy }
  await declare(client, 'Deployment', draft.model, spec)
  await tutti(home, 'rollout', 'status', draft.model, '--watch')
}

/** One Provider, and a Route for each of its models. */
async function declareChats(client: Client, site: string): Promise<void> {
  const provider = { dialect: 'openai', baseUrl: `${site}/v1`, allowPrivateNetwork: true }
  await declare(client, 'Provider', 'stand-in', provider)
  for (const model of Object.keys(chats)) {
    await declare(client, 'Route', model, { targets: [{ provider: 'stand-in', model }] })
  }
}

/** A key for releases, and the Secret by which workflows name it. */
async function makeKey(client: Client, home: string): Promise<string> {
  const made = await tutti(home, 'key', 'create', 'release', '--roles', 'operator')
  const value = /tutti_release_\S+/.exec(made)?.[0] ?? ''
  await declare(client, 'Secret', 'release', { value })
  return value
}

/** The Deployments and Routes of the world answer as soon as the gateway has heard of them. */
async function answering(
  { url, key }: BenchParts['inference'],
  names: readonly string[],
): Promise<void> {
  const headers = { authorization: `Bearer ${key}` }
  const untilMs = performance.now() + readyMsMax
  for (;;) {
    const answer = await fetch(`${url}/v1/models`, { headers })
    const said = await answer.text()
    const missing = names.filter((name) => !said.includes(`"${name}"`))
    if (answer.ok && missing.length === 0) return
    if (performance.now() > untilMs) throw new Error(`the gateway does not know ${missing}`)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

/** Declares a resource as `tutti apply` does. */
export async function declare(
  client: Client,
  kind: 'Deployment' | 'Provider' | 'Route' | 'Secret' | 'Workflow',
  name: string,
  spec: object,
): Promise<void> {
  const plural = `${kind.toLowerCase()}s`
  const document = { apiVersion: 'tutti/v1', kind, metadata: { name }, spec }
  await client.apply({ kind: plural, name }, document)
}

async function tutti(home: string, ...args: readonly string[]): Promise<string> {
  const { status, out } = await runTutti([...args, '--home', home])
  if (status !== 0) throw new Error(`tutti ${args.join(' ')}: ${out}`)
  return out
}

function keyOf(home: string): string {
  const { workflow } = JSON.parse(readFileSync(join(home, 'credentials.json'), 'utf8'))
  return String(workflow)
}

function urlOf(home: string): string {
  return String(JSON.parse(readFileSync(join(home, 'context.json'), 'utf8')).url)
}
