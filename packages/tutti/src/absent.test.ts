// A list that was asked for what nothing is called says so, beside what it prints.

import { expect, test } from 'vitest'
import { file, tutti, useControlPlane } from './cli-bed.fixture.ts'

useControlPlane()

const workflow = `document: {dsl: 1.0.3, namespace: shop, name: refund, version: 1.0.0}
do: [{set: {set: {a: 1}}}]
`

test('a project, a workflow, a model or an asset that is none is said, with the nearest; JSON stays a list', async () => {
  expect((await tutti('workflow', 'apply', file('refund.yaml', workflow))).status).toBe(0)
  for (const [args, said] of [
    [['get', 'routes', '-p', 'defalt'], 'there is no Project defalt: did you mean default?'],
    [['workflow', 'list', '-p', 'none', '--name', 'x'], 'there is no Project none'],
    [['workflow', 'list', '--model', 'x:v1'], 'there is no Model x:v1 in project default'],
    [['workflow', 'list', '--asset', 'x@1'], 'there is no asset x in project default'],
    [
      ['workflow', 'list', '--name', 'shop.refnd'],
      'there is no Workflow shop.refnd in project default: did you mean shop.refund?',
    ],
    ...['assets', 'schedules', 'tasks'].map(
      (verb) => [['workflow', verb, '-p', 'none'], 'there is no Project none'] as const,
    ),
  ] as const) {
    const { status, out, err } = await tutti(...args, '--json')
    expect([args, status, JSON.parse(out), err]).toEqual([args, 0, [], `${said}\n`])
  }
})

test('what is there and has nothing is no fault; nor is what the key may not read said to be none', async () => {
  for (const name of ['refund', 'shop.refund', 'shop.refund:1.0.0']) {
    const { out, err } = await tutti('workflow', 'list', '--name', name, '--json')
    expect([name, JSON.parse(out), err]).toEqual([name, [], ''])
  }
  const { secret } = JSON.parse(
    (await tutti('key', 'create', 'vera', '--roles', 'viewer', '--json')).out,
  )
  const hide = `@id("hide") forbid(principal, action == Action::"read", resource is Project)
    when { resource.name == "default" } unless { principal in Role::"admin" };`
  const policy = file(
    'hide.yaml',
    JSON.stringify({
      ...{ apiVersion: 'tutti/v1', kind: 'Policy', metadata: { name: 'hide' } },
      spec: { cedar: hide },
    }),
  )
  const applied = await tutti('apply', '-f', policy)
  expect([applied.status, applied.err]).toEqual([0, ''])
  expect((await tutti('get', 'project', 'default', '--key', secret)).err).toContain(
    'denied by hide',
  )
  const { out, err } = await tutti('workflow', 'tasks', '--key', secret, '--json')
  expect([JSON.parse(out), err]).toEqual([[], ''])
})
