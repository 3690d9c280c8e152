// A control plane that is lost with its disk, and comes back from a backup that was taken under load.

import { appendFileSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { makeModels, quickEffort } from '@tutti/examples/models'
import { expect, test, vi } from 'vitest'
import { deploy, infer, type LocalFleet, startLocalFleet } from './local-fleet.ts'

/** Declares projects one after the other until told to stop; gives the names that were taken. */
function declareOn(fleet: LocalFleet) {
  const names: string[] = []
  let isStopped = false
  const done = (async () => {
    while (!isStopped) {
      const name = `p${names.length}`
      const document = { apiVersion: 'tutti/v1', kind: 'Project', metadata: { name }, spec: {} }
      await fleet.client.apply({ kind: 'projects', name }, document)
      names.push(name)
    }
  })()
  const stop = async () => {
    isStopped = true
    await done
  }
  return { names, stop }
}

async function answers(fleet: LocalFleet): Promise<number> {
  const data = Array(24 * 24).fill(0.5)
  const inputs = [{ name: 'image', datatype: 'FP32', shape: [1, 1, 24, 24], data }]
  return (await infer(fleet, 'parts', { inputs })).status
}

async function untilConverged(fleet: LocalFleet): Promise<void> {
  const isConverged = async () => {
    const { status } = await fleet.client.get({ kind: 'deployments', name: 'parts' })
    return JSON.stringify(status['nodes'] ?? null).includes('"converged":2')
  }
  await vi.waitUntil(isConverged, { timeout: 60_000, interval: 50 })
}

test('a backup taken under load makes the control plane anew, and the fleet goes on with it', async () => {
  const fleet = await startLocalFleet([{ name: 'n1' }, { name: 'n2' }])
  try {
    const models = join(fleet.folder, 'models')
    await makeModels(models, quickEffort)
    await fleet.tutti('model', 'push', join(models, 'parts-v1'))
    await fleet.tutti('model', 'push', join(models, 'parts-v4'))
    await deploy(fleet, 'parts', 'parts:v1')

    const load = declareOn(fleet)
    await vi.waitUntil(() => load.names.length >= 20, { timeout: 60_000 })
    const before = load.names.length
    const backup = join(fleet.folder, 'backup')
    expect(await fleet.tutti('backup', backup)).toContain('a log of')
    await expect(fleet.tutti('backup', backup)).rejects.toThrow('is there already')
    await load.stop()
    await deploy(fleet, 'parts', 'parts:v4') // after the backup: lost with the disk

    const plane = join(fleet.home, 'control-plane')
    await fleet.restartPlane(async () => {
      await expect(fleet.tutti('restore', backup)).rejects.toThrow('holds a control plane already')
      rmSync(plane, { recursive: true })
      const [table = ''] = readdirSync(join(backup, 'tables'))
      const damaged = join(fleet.folder, 'damaged')
      mkdirSync(damaged)
      await expect(fleet.tutti('restore', damaged)).rejects.toThrow('holds no backup.json')
      expect(table).not.toBe('')
      expect(await fleet.tutti('restore', backup)).toContain('--accept-log')
    })
    const held = await fleet.client.list('projects')
    const names = held.map(({ metadata }) => metadata.name)
    expect(names).toEqual(expect.arrayContaining(load.names.slice(0, before)))
    expect(await fleet.tutti('ledger', 'verify')).toContain('ok:')
    expect(await answers(fleet)).toBe(200)

    // The nodes have seen a longer log: they serve on, and refuse what this one assigns.
    const { spec } = await fleet.client.get({ kind: 'deployments', name: 'parts' })
    expect(spec).toMatchObject({ model: 'parts:v1' })
    for (const name of ['n1', 'n2']) await fleet.restartNode(name, '--accept-log')
    await untilConverged(fleet)
    await deploy(fleet, 'parts', 'parts:v4')
    await untilConverged(fleet)
    expect(await answers(fleet)).toBe(200)

    const file = readdirSync(join(backup, 'tables'))[0] ?? ''
    appendFileSync(join(backup, 'tables', file), 'x')
    const spoilt = fleet.tutti('restore', backup, '--home', join(fleet.folder, 'other'))
    await expect(spoilt).rejects.toThrow('damaged or missing')
  } finally {
    await fleet.stop()
  }
}, 180_000)
