// Nodes that open no port, as processes: the gateway answers with them, and with others when they are killed.

import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { makeModels, quickEffort } from '@tutti/examples/models'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import {
  type Child,
  deploy,
  infer,
  type LocalFleet,
  startLocalFleet,
  startReady,
  stopChild,
} from './local-fleet.ts'

const data = Array(24 * 24).fill(0.5)
const body = { inputs: [{ name: 'image', datatype: 'FP32', shape: [1, 1, 24, 24], data }] }
const hidden = ['--no-listen']

let fleet: LocalFleet
beforeAll(async () => {
  fleet = await startLocalFleet([
    { name: 'n1', args: hidden },
    { name: 'n2', args: hidden },
  ])
  const models = join(fleet.folder, 'models')
  await makeModels(models, quickEffort)
  await fleet.tutti('model', 'push', join(models, 'parts-v1'))
  await deploy(fleet, 'parts', 'parts:v1')
})

afterAll(() => fleet.stop())

/** TCP ports that a process listens on, as Linux tells. */
function listeningPorts(pid: number): string[] {
  const inodes = new Set(
    readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
      try {
        return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1] ?? []
      } catch {
        return [] // closed meanwhile
      }
    }),
  )
  return ['tcp', 'tcp6'].flatMap((family) =>
    readFileSync(`/proc/${pid}/net/${family}`, 'utf8')
      .split('\n')
      .map((line) => line.trim().split(/\s+/))
      .filter((row) => row[3] === '0A' && inodes.has(row[9] ?? ''))
      .map((row) => row[1] ?? ''),
  )
}

/** Asks until that many nodes have answered; any answer but a 200 is an error. */
async function askUntil(nodes: readonly string[]): Promise<void> {
  const seen = new Set<string>()
  while (!nodes.every((node) => seen.has(node))) {
    const answer = await infer(fleet, 'parts', body)
    expect([answer.status, answer.error]).toEqual([200, ''])
    seen.add(answer.node)
  }
}

test('nodes that listen on no port answer through the gateway', async () => {
  // A relay is there a moment after the rollout: asked until then, only the answer counts.
  while ((await infer(fleet, 'parts', body)).status !== 200) await new Promise(setImmediate)
  await askUntil(['n1', 'n2'])
  expect(fleet.nodes.map(({ url }) => url)).toEqual(['relay://n1', 'relay://n2'])
  if (!existsSync('/proc/self/net/tcp')) return // only Linux tells
  expect(listeningPorts(fleet.pidOf('n1'))).toEqual([])
  expect(listeningPorts(process.pid)).toEqual(listeningPorts(process.pid)) // the question works
})

test('a gateway of several workers answers with them, whichever worker they came to', async () => {
  const children: Child[] = []
  const args = ['gateway', '--home', fleet.home, '--url', fleet.url, '--port', '0']
  const [, url = ''] = await startReady([...args, '--workers', '2'], /answers at (\S+)/, children)
  try {
    const gateway = { ...fleet, gateway: url }
    const seen = new Map<string, number>()
    // Nodes hear of a gateway within ten seconds, and it of them: from then on every answer is right.
    const ask = async () =>
      await Promise.all(Array.from({ length: 24 }, () => infer(gateway, 'parts', body)))
    const isWhole = async () => {
      const answers = await ask()
      for (const { node } of answers) seen.set(node, (seen.get(node) ?? 0) + 1)
      return answers.every(({ status }) => status === 200) && seen.has('n1') && seen.has('n2')
    }
    await vi.waitUntil(isWhole, { timeout: 60_000, interval: 100 })
    for (let i = 0; i < 5; i++) {
      expect((await ask()).filter(({ status }) => status !== 200)).toEqual([])
    }
  } finally {
    for (const child of children) await stopChild(child)
  }
})

test('a node that is killed under load fails no request; without any there is a clear error', async () => {
  const asked: Promise<number>[] = []
  const ask = async () => {
    for (let i = 0; i < 40; i++) {
      const answer = infer(fleet, 'parts', body).then(({ status }) => status)
      asked.push(answer)
      await answer
    }
  }
  const lanes = Array.from({ length: 8 }, ask)
  await asked[0]
  await fleet.killNode('n1')
  await Promise.all(lanes)
  expect((await Promise.all(asked)).filter((status) => status !== 200)).toEqual([])
  await fleet.killNode('n2')
  const answer = await infer(fleet, 'parts', body)
  expect([502, 503, 504]).toContain(answer.status)
  expect(answer.error).not.toBe('')
})
