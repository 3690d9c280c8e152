// A fleet of real processes, as the judges use it, under the verbs that steer its nodes.

import { join } from 'node:path'
import { makeModels, quickEffort } from '@tutti/examples/models'
import { expect, test } from 'vitest'
import { deploy, startLocalFleet } from './local-fleet.ts'

test('A4: a cordoned node keeps what it has, says why, and catches up when let go', async () => {
  const fleet = await startLocalFleet([{ name: 'n1' }, { name: 'n2' }])
  try {
    const models = join(fleet.folder, 'models')
    await makeModels(models, quickEffort)
    await fleet.tutti('model', 'push', join(models, 'parts-v1'))
    await fleet.tutti('model', 'push', join(models, 'parts-v4'))
    await deploy(fleet, 'parts', 'parts:v1')
    expect(await fleet.tutti('cordon', 'n1')).toContain('node/n1 cordoned')

    const strategy = { soakMs: 0, canary: { perStratum: 2 } }
    await deploy(fleet, 'parts', 'parts:v4', strategy) // done without it
    const { status } = await fleet.client.get({ kind: 'deployments', name: 'parts' })
    expect(status['nodes']).toMatchObject({ converged: 1, cannot: 1 })
    expect(JSON.stringify(status['cannot'])).toContain('cordoned')
    expect(await versionsAt(fleet.nodes[0])).toEqual(['v1'])

    expect(await fleet.tutti('uncordon', 'n1')).toContain('node/n1 uncordoned')
    for (;;) {
      const { status: now } = await fleet.client.get({ kind: 'deployments', name: 'parts' })
      if (JSON.stringify(now['nodes']).includes('"converged":2')) break
    }
    expect(await versionsAt(fleet.nodes[0])).toContain('v4')
  } finally {
    await fleet.stop()
  }
}, 120_000)

/** The versions that a node itself says it has ready. */
async function versionsAt(node: { readonly url: string; readonly key: string } | undefined) {
  const answer = await fetch(`${node?.url}/v2/repository/index`, {
    method: 'POST',
    headers: { authorization: `Bearer ${node?.key}` },
    body: '{"ready":true}',
  })
  const index = (await answer.json()) as readonly { readonly version: string }[]
  return index.map(({ version }) => version)
}
