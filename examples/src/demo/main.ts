// Demo
//
// The main job as a story in six acts, with live traffic throughout: a fleet of twelve nodes takes new
// models safely. `--ci` runs it unattended and fails when an act fails.

import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as acts from './acts/index.ts'
import { type Fleet, joinNodes, startCentre } from './fleet.ts'
import { ended, start, stopAll } from './processes.ts'
import { figure, must, type Stage, say, title } from './stage.ts'
import { Traffic } from './traffic.ts'

const story: readonly (readonly [string, (stage: Stage) => Promise<void>])[] = [
  ['Act 1  A model is pushed, signed and deployed to all nodes', acts.firstModel],
  [
    'Act 2  v2 was quantised wrongly for the weak nodes: the probe refuses it',
    acts.wrongQuantisation,
  ],
  ['Act 3  v3 passes the probe and fails in the wild: the gate takes it back', acts.badInTheWild],
  ['Act 4  A region is cut off while v4 is promoted', acts.cutOff],
  ['Act 5  Unsigned is denied; production waits for a second person', acts.secondPerson],
  ['Act 6  Strangers check the log', acts.checkedByStrangers],
]

const isUnattended = process.argv.includes('--ci')
const folder = mkdtempSync(join(tmpdir(), 'tutti-demo-'))
const startMs = performance.now()
let isFailed = false

async function play(): Promise<void> {
  say('Tutti demo: a control plane, a gateway and twelve nodes in three regions on this machine')
  const models = join(folder, 'models')
  const maker = fileURLToPath(new URL('../models/main.js', import.meta.url))
  const making = start(process.execPath, [maker, models], join(folder, 'models.log'))
  const nodesFolder = join(folder, 'nodes')
  mkdirSync(nodesFolder)
  const centre = await startCentre(folder)
  figure(`control plane and gateway answer (${sinceStart()})`)
  const nodes = await joinNodes(centre, nodesFolder)
  figure(`${nodes.length} nodes have joined, each with a token of its own (${sinceStart()})`)
  must((await ended(making.child)) === 0, `the models could not be made: see ${making.log}`)
  figure(`models trained here, from data made here (${sinceStart()})`)

  const fleet: Fleet = { ...centre, nodes }
  const traffic = new Traffic(fleet)
  const stage: Stage = { fleet, traffic, models, folder }
  for (const [name, act] of story) {
    title(`${name}  (${sinceStart()})`)
    await act(stage)
  }
  await traffic.stop()
  report(fleet, traffic)
}

function report(fleet: Fleet, { counts }: Traffic): void {
  title(`The end, after ${sinceStart()}`)
  const answers = [...counts.by].sort().map(([by, count]) => `${by} ${count}`)
  say(`  live requests: ${counts.requests} (${answers.join(', ')})`)
  say(`  wrong labels: ${counts.wrong}`)
  say(`  ${counts.failed} failed requests`)
  for (const failure of counts.failures) say(`    ${failure}`)
  must(counts.failed === 0, `${counts.failed} live requests failed`)
  if (isUnattended) return
  say(`\nIt stays up. Look around, and stop it with Ctrl-C:`)
  say(`  control plane  ${fleet.url}`)
  say(`  gateway        ${fleet.gateway}`)
  say(`  commands       TUTTI_HOME=${fleet.home} npx tutti get nodes`)
}

function sinceStart(): string {
  return `${((performance.now() - startMs) / 1000).toFixed(0)} s`
}

async function end(): Promise<void> {
  await stopAll()
  if (isFailed) say(`logs are in ${folder}`)
  else rmSync(folder, { recursive: true, force: true })
  process.exit(isFailed ? 1 : 0)
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => void end())
try {
  await play()
  if (isUnattended) await end()
} catch (error) {
  isFailed = true
  process.stderr.write(`\ndemo failed: ${error instanceof Error ? error.message : String(error)}\n`)
  await end()
}
