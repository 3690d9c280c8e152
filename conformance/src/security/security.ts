// Conformance: security
//
// The field's incidents as attacks on a real fleet: each is tried, and none may succeed.

import { join } from 'node:path'
import { makeModels, quickEffort } from '@tutti/examples/models'
import { deploy, startLocalFleet } from '../local-fleet.ts'
import { type Score, Scoring } from '../score.ts'
import type { Attack } from './attack.ts'
import { tryDoors } from './doors.ts'
import { lookAtExposure } from './exposure.ts'
import { tryForgedNodes } from './forged-nodes.ts'
import { tryHostileModels } from './hostile-models.ts'
import { tryInnerAddresses } from './inner-addresses.ts'
import { compareTimes } from './key-timing.ts'
import { lookForLeaks } from './leaks.ts'

export async function security(): Promise<Score> {
  const fleet = await startLocalFleet([{ name: 'n1' }, { name: 'n2' }])
  const attack: Attack = { fleet, scoring: new Scoring() }
  try {
    const models = join(fleet.folder, 'models')
    await makeModels(models, quickEffort)
    await fleet.tutti('model', 'push', join(models, 'parts-v1'))
    await deploy(fleet, 'parts', 'parts:v1')
    lookAtExposure(attack)
    await tryDoors(attack)
    await tryHostileModels(attack)
    await tryInnerAddresses(attack)
    await tryForgedNodes(attack)
    await compareTimes(attack)
    await lookForLeaks(attack)
    return attack.scoring.score
  } finally {
    await fleet.stop()
  }
}
