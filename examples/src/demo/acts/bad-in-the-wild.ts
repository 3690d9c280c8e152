// Act 3: v3 passes the probe but errs, slows and mislabels on live inputs. The gate stops it.

import { command, deploy, figure, followRollout, must, type Stage, untilNodes } from '../stage.ts'

export async function badInTheWild(stage: Stage): Promise<void> {
  await command(stage, 'model', 'push', `${stage.models}/parts-v3`)
  // The canaries must have answered enough before anybody else gets it.
  await deploy(stage, { name: 'parts', model: 'parts:v3', requestsMin: 2_000 })
  const end = await followRollout(stage, 'parts')
  must(end.phase === 'reverted', `v3 is ${end.phase}: the gate did not stop it`)
  must(end.message.includes('evidence'), `it went back for another reason: ${end.message}`)
  await untilNodes(stage, 'parts', (nodes) => nodes['converged'] === 12)
  const exposed = stage.traffic.answeredBy('v3/fp32') + stage.traffic.answeredBy('v3/int8')
  figure(`stopped and taken back after ${end.seconds.toFixed(1)} s: ${end.message}`)
  figure(`${exposed} answers came from v3, all of them from canaries`)
}
