// A fleet of real processes, as the judges use it, under the verbs that steer its nodes.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { makeModels, quickEffort } from '@tutti/examples/models'
import { expect, test } from 'vitest'
import { deploy, infer, type LocalFleet, startLocalFleet } from './local-fleet.ts'

test('A4: a cordoned node keeps what it has, says why, and catches up when let go; scripts run where they may', async () => {
  const n2 = { name: 'n2', args: ['--allow-run', 'script'] }
  const fleet = await startLocalFleet([{ name: 'n1' }, n2])
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
    await runScript(fleet)
  } finally {
    await fleet.stop()
  }
})

test('models share a node’s memory: each takes the best that what is left allows, or says why not', async () => {
  const fleet = await startLocalFleet([{ name: 'n1', memoryMiB: 80 }])
  try {
    const models = join(fleet.folder, 'models')
    await makeModels(models, quickEffort) // fp32 asks for 64 MiB, int8 for 16
    await fleet.tutti('model', 'push', join(models, 'parts-v1'))
    const variantOf = async (name: string) => {
      await deploy(fleet, name, 'parts:v1')
      const inputs = [{ name: 'image', datatype: 'FP32', shape: [1, 1, 24, 24], data: blank }]
      for (;;) {
        const answer = await infer(fleet, name, { inputs })
        if (answer.status === 200) return answer.variant
        expect([404, 503]).toContain(answer.status) // until the gateway has the new snapshot
      }
    }
    const blank = Array(24 * 24).fill(0.5)
    expect(await variantOf('first')).toBe('fp32')
    expect(await variantOf('second')).toBe('int8')
    const strategy = { soakMs: 0, canary: { perStratum: 1 } }
    const third = join(fleet.folder, 'third.json')
    const document = { apiVersion: 'tutti/v1', kind: 'Deployment', metadata: { name: 'third' } }
    writeFileSync(third, JSON.stringify({ ...document, spec: { model: 'parts:v1', strategy } }))
    await fleet.tutti('apply', '-f', third)
    for (;;) {
      const { status } = await fleet.client.get({ kind: 'deployments', name: 'third' })
      const cannot = JSON.stringify(status['cannot'] ?? [])
      if (cannot.includes('the node gives 0')) break
    }
    await fleet.tutti('delete', 'deployment', 'first')
    expect(await variantOf('third')).toBe('fp32')
  } finally {
    await fleet.stop()
  }
})

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

/** A workflow runs a script on the node that offers it and that policy lets. */
async function runScript(fleet: LocalFleet): Promise<void> {
  const cedar = `@id("scripts-run-on-n2")
permit(principal == Automation::"workflow/default", action == Action::"run", resource == Node::"n2")
when { context has plan && context.plan.processes.contains("script") };`
  const policy = join(fleet.folder, 'policy.json')
  const about = { apiVersion: 'tutti/v1', kind: 'Policy', metadata: { name: 'runs' } }
  writeFileSync(policy, JSON.stringify({ ...about, spec: { cedar } }))
  await fleet.tutti('apply', '-f', policy)
  const code = 'console.log(process.argv[2] * 2, Object.keys(process.env).length)'
  const script = { language: 'js', code, arguments: ['${ .n }'] }
  const workflow = join(fleet.folder, 'workflow.json')
  const document = { dsl: '1.0.3', namespace: 'shop', name: 'twice', version: '1.0.0' }
  writeFileSync(workflow, JSON.stringify({ document, do: [{ twice: { run: { script } } }] }))
  await fleet.tutti('workflow', 'apply', workflow)
  const said = await fleet.tutti('workflow', 'run', 'shop.twice', '--input', '{"n": 21}', '--watch')
  expect(said).toContain('"42 0\\n"')
}
