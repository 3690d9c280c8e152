// Act 1: a model made by this repo is pushed, signed and deployed to all nodes.

import { liveLighting, takeInputs } from '../../models/index.ts'
import { command, deploy, figure, followRollout, must, type Stage } from '../stage.ts'
import { askModel } from '../traffic.ts'

export async function firstModel(stage: Stage): Promise<void> {
  await command(stage, 'model', 'push', `${stage.models}/parts-v1`)
  await deploy(stage, { name: 'parts', model: 'parts:v1' })
  const end = await followRollout(stage, 'parts')
  must(
    end.phase === 'done' && end.nodes['converged'] === 12,
    `v1 is ${end.phase}, not on all nodes`,
  )
  const { gateway, key } = stage.fleet
  const inputs = takeInputs(41, liveLighting, 100)
  let right = 0
  for (const { image, label } of inputs) {
    const answer = await askModel(`${gateway}/v2/models/parts`, key, image)
    must(answer.status === 200, `the gateway answered ${answer.status}: ${answer.text}`)
    if (answer.label === label) right += 1
  }
  must(right >= 90, `only ${right} of 100 labels are right`)
  figure(
    `v1 on 12 of 12 nodes after ${end.seconds.toFixed(1)} s; ${right} of 100 live labels right`,
  )
  stage.traffic.start(liveLighting) // from here on without a pause
}
