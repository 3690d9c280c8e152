import { expect, test } from 'vitest'
import { checkRoute } from './check-route.ts'
import { routeSpec } from './route.ts'

const target = { provider: 'p', model: 'm' }
const whyNot = (text: string) => (text === 'good' ? null : `not a condition: ${text}`)
const found = (spec: object) => checkRoute(routeSpec.parse(spec), whyNot)

test('what goes together is not remarked on', () => {
  expect(found({ targets: [target] })).toEqual([])
  const experiment = { name: 'e', arms: { a: 1, b: 1 } }
  const targets = [
    { ...target, arm: 'a', when: 'good' },
    { ...target, arm: 'b' },
  ]
  expect(found({ targets, experiment })).toEqual([])
  expect(found({ targets: [target], experiment })).toEqual([]) // it is in all arms
})

test('a target of an arm that is not there, an arm that nobody answers for, and a condition that is none are', () => {
  const experiment = { name: 'e', arms: { a: 1, b: 1 } }
  expect(found({ targets: [{ ...target, arm: 'c' }], experiment })).toEqual([
    { path: 'spec.targets.0.arm', message: 'no arm c: there are a, b' },
    { path: 'spec.experiment.arms.a', message: 'no target answers for it' },
    { path: 'spec.experiment.arms.b', message: 'no target answers for it' },
  ])
  expect(found({ targets: [target, { ...target, arm: 'a', when: 'bad' }] })).toEqual([
    { path: 'spec.targets.1.when', message: 'not a condition: bad' },
    { path: 'spec.targets.1.arm', message: 'no arm a: the route has no experiment' },
  ])
})
