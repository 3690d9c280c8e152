// Act 5: an unsigned model is denied with the reason; production waits for a second person.

import { join } from 'node:path'
import { runTutti } from '../processes.ts'
import { command, deploy, figure, followRollout, must, type Stage, say } from '../stage.ts'

export async function secondPerson(stage: Stage): Promise<void> {
  await command(stage, 'model', 'push', `${stage.models}/vibration-v1`, '--no-sign')
  const denied = await deploy(stage, { name: 'vibration', model: 'vibration:v1' })
  must(
    denied.status === 1 && denied.out.includes('signed-models-only'),
    'an unsigned model was let in',
  )
  figure('an unsigned model is denied, with policy, reason and remedy')

  const bea = await makeBea(stage)
  const production = { name: 'parts-production', model: 'parts:v4', environment: 'production' }
  const asked = await deploy(stage, production)
  const approval = /tutti approve (\S+)/.exec(asked.out)?.[1] ?? ''
  must(asked.status === 3 && approval !== '', 'production did not wait for approval')
  const own = await command(stage, 'approve', approval)
  must(own.status === 1, 'the requester could approve their own change')
  say(`  $ tutti approve ${approval}   # as Bea`)
  const approved = await runTutti(['approve', approval, ...bea])
  say(`    ${approved.out}`)
  must(approved.status === 0, `Bea's approval was refused: ${approved.out}`)
  const end = await followRollout(stage, 'parts-production')
  must(end.phase === 'done', `production is ${end.phase}`)
  figure(`promoted after a second person signed, in ${end.seconds.toFixed(1)} s`)
}

/** A second person with a key of her own; only she can read what signs her approvals. */
async function makeBea(stage: Stage): Promise<readonly string[]> {
  const home = join(stage.folder, 'bea')
  const { out: did } = await runTutti(['key', 'approval-did', '--home', home])
  const roles = ['--roles', 'approver,viewer', '--approval-key', did]
  const made = await runTutti(['key', 'create', 'bea', ...roles, '--home', stage.fleet.home])
  const secret = /tutti_bea_\S+/.exec(made.out)?.[0] ?? ''
  must(secret !== '', `no key for Bea: ${made.out}`)
  return ['--home', home, '--url', stage.fleet.url, '--key', secret]
}
