// Fleet
//
// The demo's world: a control plane with its Postgres, a gateway, and twelve node processes in three regions,
// two strong and two weak machines in each. The nodes of one region hang on wires that can be cut.

import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { Client } from '@tutti/sdk'
import { type Running, runTutti, startTutti, untilLogged } from './processes.ts'
import { Relay } from './relay.ts'

export interface FleetNode {
  readonly name: string
  readonly region: string
  readonly size: 'strong' | 'weak'
  readonly folder: string
  readonly port: number
  /** To the control plane and from the gateway. */
  readonly wires: readonly Relay[]
  running: Running
  readonly args: readonly string[]
}

export interface Fleet {
  readonly home: string
  readonly url: string
  readonly gateway: string
  readonly key: string
  readonly client: Client
  readonly nodes: readonly FleetNode[]
}

export const regions = ['north', 'south', 'west'] as const
/** The region whose wires are cut in act 4. */
export const remoteRegion = 'west'
const memoryMiB = { strong: 512, weak: 32 } as const

/** Starts control plane and gateway. */
export async function startCentre(folder: string): Promise<Omit<Fleet, 'nodes'>> {
  const home = join(folder, 'home')
  const [port, gatewayPort] = [await freePort(), await freePort()]
  const args = ['up', '--home', home, '--no-node', '--heartbeat-ms', '1000']
  const ports = ['--port', String(port), '--gateway-port', String(gatewayPort)]
  const up = startTutti([...args, ...ports], join(folder, 'up.log'))
  await untilLogged(up, /Tutti is up/)
  const context: unknown = JSON.parse(readFileSync(join(home, 'context.json'), 'utf8'))
  const key = textAt(context, 'key')
  const url = textAt(context, 'url')
  return { home, url, gateway: textAt(context, 'gateway'), key, client: new Client({ url, key }) }
}

/** Joins all twelve nodes, each with a single-use token of its own. */
export async function joinNodes(
  centre: Omit<Fleet, 'nodes'>,
  folder: string,
): Promise<FleetNode[]> {
  const plan = regions.flatMap((region) =>
    (['strong', 'strong', 'weak', 'weak'] as const).map((size, i) => ({
      ...{ region, size, name: `${region}-${size}-${(i % 2) + 1}` },
    })),
  )
  const nodes: FleetNode[] = []
  for (const one of plan) nodes.push(await joinNode(centre, folder, one))
  await Promise.all(nodes.map(({ running }) => untilLogged(running, /"event":"serving"/)))
  return nodes
}

async function joinNode(
  centre: Omit<Fleet, 'nodes'>,
  folder: string,
  one: Pick<FleetNode, 'name' | 'region' | 'size'>,
): Promise<FleetNode> {
  const { region, size, name } = one
  const labels = { region, hardware: size }
  const { token } = await centre.client.makeToken({ labels })
  const port = await freePort()
  const isRemote = region === remoteRegion
  const wires = isRemote ? [await Relay.open(portOf(centre.url)), await Relay.open(port)] : []
  const [up, down] = wires
  const url = up === undefined ? centre.url : `http://127.0.0.1:${up.port}`
  const endpoint = `http://127.0.0.1:${down === undefined ? port : down.port}`
  const data = join(folder, name)
  const own = ['--data', data, '--port', String(port), '--endpoint', endpoint]
  const limits = ['--memory', String(memoryMiB[size]), '--threads', '1']
  const args = ['join', url, '--token', token, '--name', name, ...own, ...limits]
  const running = startTutti(args, join(folder, `${name}.log`))
  return { ...one, folder: data, port, wires, running, args }
}

/** Starts a node again after its process was killed. */
export function restartNode(node: FleetNode): void {
  node.running = startTutti(node.args, node.running.log)
}

/** `tutti ARGS` as the demo's admin. */
export function tuttiAt(home: string, args: readonly string[]) {
  return runTutti([...args, '--home', home])
}

export async function freePort(): Promise<number> {
  return await new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address()
      const port = typeof address === 'object' && address !== null ? address.port : 0
      server.close(() => resolve(port))
    })
  })
}

function portOf(url: string): number {
  return Number(new URL(url).port)
}

function textAt(value: unknown, key: string): string {
  if (typeof value !== 'object' || value === null) return ''
  return String(Object.getOwnPropertyDescriptor(value, key)?.value ?? '')
}
