// Who steers a rollout is told when that waits for somebody else's approval: nothing has been done then.

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { addingModel } from '../../node/src/serving/tiny-onnx.ts'
import { file, folder, tutti, useControlPlane } from './cli-bed.fixture.ts'

useControlPlane()

const policy = `apiVersion: tutti/v1
kind: Policy
metadata: {name: two}
spec:
  cedar: |
    @id("two")
    @approvals("1")
    forbid(principal is User, action in [Action::"create", Action::"update"], resource)
    when { [Action::"update"].contains(action) || resource is Key || resource is Model } unless { context.approvals >= 1 };
`
const deployment = `apiVersion: tutti/v1
kind: Deployment
metadata: {name: add}
spec: {model: 'adder:v1', selector: {matchLabels: {is: nowhere}}, strategy: {soakMs: 3600000}}
`

test('a rollout whose pause waits for approval is not said to be paused; the exit code tells, too', async () => {
  const model = join(folder, 'model')
  mkdirSync(model)
  writeFileSync(join(model, 'model.onnx'), addingModel(1))
  for (const version of ['v1', 'v2']) {
    const name = `adder:${version}`
    const init = ['model', 'init', join(model, 'model.onnx'), '--name', name, '--force']
    expect((await tutti(...init)).err).toBe('')
    expect((await tutti('model', 'push', model)).err).toBe('')
  }
  expect((await tutti('apply', '-f', file('add.yaml', deployment))).err).toBe('')
  const status = async () => (await tutti('rollout', 'status', 'add')).out
  await expect.poll(status, { timeout: 30_000 }).toMatch(/^canary: /)
  expect((await tutti('apply', '-f', file('two.yaml', policy))).err).toBe('')
  const waits = 'waits for approval: somebody else runs tutti approve add-'
  const pause = await tutti('rollout', 'pause', 'add')
  expect(pause).toEqual({
    status: 3,
    out: expect.stringMatching(`^rollout of add ${waits}`),
    err: '',
  })
  expect(await status()).toMatch(/^canary: /)
  const held = /approve (\S+)/.exec(pause.out)?.[1] ?? ''
  const back = await tutti('reject', held, '--reason', 'not today')
  expect(back.out).toBe(`approval/${held} void: withdrawn by User::"admin": not today\n`)
  const undo = await tutti('rollout', 'undo', 'add', '--to', 'adder:v2')
  expect([undo.status, undo.out]).toEqual([3, expect.stringContaining(waits)])
  const key = await tutti('key', 'create', 'late')
  expect([key.status, key.out]).toEqual([3, expect.stringContaining('waits for approval')])
  const init = ['model', 'init', join(model, 'model.onnx'), '--name', 'adder:v3', '--force']
  expect((await tutti(...init)).err).toBe('')
  const push = await tutti('model', 'push', model)
  expect([push.status, push.out]).toEqual([3, expect.stringContaining('waits for approval')])
})
