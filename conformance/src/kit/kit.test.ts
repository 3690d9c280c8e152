import { expect, test } from 'vitest'
import { parseFeature } from '../feature.ts'
import { owsKit } from './index.ts'
import { ownExtensions } from './own-extensions.ts'
import { patterns } from './patterns.ts'

test('an outline is a scenario for every row of its examples', () => {
  const text = [
    'Feature: F',
    '  Scenario Outline: <a> it is',
    '    Given a thing:',
    '    """yaml',
    "    v: '<b>'",
    '    """',
    '    Examples:',
    '      | a | b      |',
    '      | x | 1 \\| 2 |',
    '      | y | \\\\     |',
    '  Scenario: after',
    '    Then it holds',
  ].join('\n')
  const scenarios = parseFeature(text).map(({ name, steps }) => [name, steps[0]?.value])
  expect(scenarios).toEqual([
    ['x it is', { v: '1 | 2' }],
    ['y it is', { v: '\\' }],
    ['after', undefined],
  ])
})

test('every scenario of our own kit for the Open Workflow Specification', async () => {
  const { notes, passed, total } = await owsKit()
  expect(notes).toEqual([])
  expect(passed).toBe(total)
  expect(total).toBeGreaterThanOrEqual(248)
})

test('every scenario of what we propose to the specification', async () => {
  const { notes, passed, total } = await ownExtensions()
  expect(notes).toEqual([])
  expect(passed).toBe(total)
  expect(total).toBeGreaterThanOrEqual(30)
})

test('every control-flow pattern has an example that runs, or a reason why there is none', async () => {
  const { notes, passed, total } = await patterns()
  expect(notes.filter((note) => !note.includes('is not expressible: '))).toEqual([])
  expect([passed, total, notes.length]).toEqual([43, 43, 2])
})
