// Act 2: v2's int8 variant was quantised wrongly. The probe on the weak nodes finds it.

import { command, deploy, figure, followRollout, must, type Stage } from '../stage.ts'

export async function wrongQuantisation(stage: Stage): Promise<void> {
  await command(stage, 'model', 'push', `${stage.models}/parts-v2`)
  await deploy(stage, { name: 'parts', model: 'parts:v2' })
  const end = await followRollout(stage, 'parts')
  must(end.phase === 'reverted', `v2 is ${end.phase}: the probe did not refuse it`)
  must(end.message.includes('probe-refused'), `it went back for another reason: ${end.message}`)
  const reached = stage.traffic.answeredBy('v2/int8')
  must(reached === 0, `${reached} requests were answered by the wrong int8 variant`)
  figure(`halted after ${end.seconds.toFixed(1)} s: ${end.message}`)
  figure('0 requests reached the wrongly quantised variant')
}
