// Act 4: four nodes are cut off while v4 is promoted. They keep answering, survive a kill, and come back.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { liveLighting, takeInputs } from '../../models/index.ts'
import { type FleetNode, remoteRegion, restartNode } from '../fleet.ts'
import { kill, untilLogged } from '../processes.ts'
import { command, deploy, figure, followRollout, must, type Stage, untilNodes } from '../stage.ts'
import { askModel } from '../traffic.ts'

export async function cutOff(stage: Stage): Promise<void> {
  const remote = stage.fleet.nodes.filter(({ region }) => region === remoteRegion)
  for (const { wires } of remote) for (const wire of wires) wire.cut()
  await untilNodes(stage, 'parts', (nodes) => nodes['unreachable'] === 4)
  figure(`cut off: ${remote.map(({ name }) => name).join(', ')}`)

  await command(stage, 'model', 'push', `${stage.models}/parts-v4`)
  await deploy(stage, { name: 'parts', model: 'parts:v4' })
  const end = await followRollout(stage, 'parts')
  must(end.phase === 'done', `v4 is ${end.phase} while four nodes are cut off`)
  must(end.nodes['unreachable'] === 4 && end.nodes['converged'] === 8, JSON.stringify(end.nodes))
  figure(`v4 promoted to the 8 reachable nodes in ${end.seconds.toFixed(1)} s, unhindered`)

  await mustAnswerLocally(remote, 'v1')
  figure('the four still answer their local clients, with v1')
  for (const node of remote) {
    await kill(node.running)
    restartNode(node)
  }
  await Promise.all(remote.map(({ running }) => untilServing(running)))
  await mustAnswerLocally(remote, 'v1')
  figure('killed with SIGKILL and restarted while cut off: they answer again, with v1')

  for (const { wires } of remote) for (const wire of wires) wire.heal()
  const startMs = performance.now()
  await untilNodes(stage, 'parts', (nodes) => nodes['converged'] === 12)
  const seconds = (performance.now() - startMs) / 1000
  await mustAnswerLocally(remote, 'v4')
  figure(`back: all 12 nodes on v4 ${seconds.toFixed(1)} s after the wires were mended`)
}

/** The log holds the line of the first start too: the last one must come after the restart. */
async function untilServing(running: FleetNode['running']): Promise<void> {
  await untilLogged(running, /joined already[\s\S]*"event":"serving"/)
}

async function mustAnswerLocally(nodes: readonly FleetNode[], version: string): Promise<void> {
  const inputs = takeInputs(43, liveLighting, 20)
  for (const { name, port, folder } of nodes) {
    const identity: { localKey: string } = JSON.parse(
      readFileSync(join(folder, 'identity.json'), 'utf8'),
    )
    for (const { image } of inputs) {
      const url = `http://127.0.0.1:${port}/v2/models/parts`
      const answer = await askModel(url, identity.localKey, image)
      must(
        answer.status === 200,
        `${name} answered its local client ${answer.status}: ${answer.text}`,
      )
      must(answer.version === version, `${name} runs ${answer.version}, expected ${version}`)
    }
  }
}
