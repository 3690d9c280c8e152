import { expect, test } from 'vitest'
import { prepareWorkflow } from './program.ts'
import { document, play } from './world.fixture.ts'

test('what the author names is data, whatever its name is in the specification', () => {
  const trip = { from: 'Berlin Mitte', until: 'noon', if: 'it rains', as: { when: 'so be it' } }
  expect(play(document([{ a: { set: trip } }]), {}).outcome).toEqual({
    ...{ status: 'completed', output: trip },
  })
  const emitted = { event: { with: { source: 'https://s', type: 't', data: trip } } }
  const post = { method: 'post', endpoint: 'http://h/', body: trip }
  for (const task of [{ emit: emitted }, { call: 'http', with: post }]) {
    expect(prepareWorkflow(document([{ a: task }])).ok).toBe(true)
  }
})
