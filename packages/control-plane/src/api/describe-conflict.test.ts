// What is said where two change the same resource: which one, at what generation, and what to do.

import { expect, test } from 'vitest'
import { type Answer, apply, call, usePlane } from '../test-plane.fixture.ts'
import { describeConflict } from './describe-conflict.ts'

usePlane()

const said = ({ body }: Answer) => body.error.message

test('a change for a generation that is past hears of what, where it is, and how to go on', async () => {
  const of = (generation: number) => ({ metadata: { generation } })
  await apply('Project', 'p', {})
  await apply('Project', 'p', { description: 'two' })
  const stale = await apply('Project', 'p', { description: 'three' }, of(1))
  expect(stale.body.error).toEqual({
    ...{ code: 'api/conflict', generation: 2 },
    message:
      'Project p is at generation 2, the change was made for 1: get it again ' +
      '(tutti get projects p -o yaml), make the change in that, and apply it',
  })
  expect(said(await apply('Project', 'p', {}, of(0)))).toBe(
    'Project p is at generation 2 already, and was to be new: choose another name',
  )
  expect(said(await apply('Project', 'none', {}, of(3)))).toContain('Project none is not there')
})

test('of two that come at the same moment the one that is late hears which resource it was', async () => {
  await apply('Project', 'shop', {})
  const refused: string[] = []
  for (let round = 0; refused.length === 0; round++) {
    expect(round).toBeLessThan(50)
    const both = Array.from({ length: 8 }, (_, i) =>
      apply('Project', 'shop', { description: `${round} ${i}` }),
    )
    for (const answer of await Promise.all(both))
      if (answer.status === 409) refused.push(said(answer))
  }
  expect(refused[0]).toMatch(
    /^Project shop is at generation \d+: somebody else has changed it at the same moment; look/,
  )
  expect((await call('GET', '/projects/shop')).status).toBe(200)
})

test('one in a project is named with it', () => {
  const key = { kind: 'Route', project: 'shop', name: 'chat' }
  const text = describeConflict({ key, generation: 4, expected: 3 })
  expect(text).toMatch(/^Route chat in project shop is at generation 4, .*tutti get routes chat/)
})
