import { expect, test } from 'vitest'
import { apply, call, usePlane } from '../test-plane.fixture.ts'

usePlane()

const flow = (name: string, tasks: unknown) => ({
  document: { document: { dsl: '1.0.3', namespace: 'shop', name, version: '1.0.0' }, do: tasks },
})

/** The run once it is in this state; the test's own time limit bounds the wait. */
async function runOnce(id: string, status: string) {
  for (;;) {
    const { body } = await call('GET', `/runs/${id}`)
    if (body.status === status) return body
    expect(['running', 'waiting']).toContain(body.status)
  }
}

test('a run that knows secrets is forked from its later tasks, and retried', async () => {
  await apply('Secret', 'host', { value: 'http://127.0.0.1:1' })
  const secret = { set: { long: '${ $secrets.host | length }' } }
  const ask = { call: 'tutti.human', with: { title: 'Go?' } }
  const out = { call: 'http', with: { method: 'post', endpoint: '${ $secrets.host }' } }
  const spec = flow('knows', [{ secret }, { ask }, { out }])
  Object.assign(spec.document, { use: { secrets: ['host'] } })
  expect((await apply('Workflow', 'shop.knows:1.0.0', spec)).status).toBe(201)
  const { body } = await call('POST', '/workflows/shop.knows/runs', {})
  await runOnce(body.id, 'waiting')
  const forked = await call('POST', `/runs/${body.id}/fork`, { from: '/do/1/ask' })
  expect(forked.status).toBe(201)
  await runOnce(forked.body.id, 'waiting')
  await call('POST', `/runs/${body.id}/answer`, { key: '/do/1/ask', answer: 1 })
  await runOnce(body.id, 'faulted')
  const retried = await call('POST', `/runs/${body.id}/retry`, {})
  expect((await runOnce(retried.body.id, 'faulted')).entries).toHaveLength(5)
})

test('a run that the document ended is retried from what a person said, and is refused where that is not sound', async () => {
  const ask = { call: 'tutti.human', with: { title: 'Good?' } }
  const is = { switch: [{ good: { when: '.answer', then: 'end' } }, { bad: { then: 'continue' } }] }
  const fail = { raise: { error: { type: 'https://e', status: 409 } } }
  const spec = flow('judged', [{ first: { set: { at: '${ now }' } } }, { ask }, { is }, { fail }])
  expect((await apply('Workflow', 'shop.judged:1.0.0', spec)).status).toBe(201)
  const { body } = await call('POST', '/workflows/shop.judged/runs', {})
  const answer = async (run: string, given: unknown) => {
    await runOnce(run, 'waiting')
    await call('POST', `/runs/${run}/answer`, { key: '/do/1/ask', answer: given })
  }
  await answer(body.id, false)
  const faulted = await runOnce(body.id, 'faulted')
  const retried = await call('POST', `/runs/${body.id}/retry`, {})
  expect(retried.status).toBe(201)
  await answer(retried.body.id, true)
  const run = await runOnce(retried.body.id, 'completed')
  expect(run.entries[1]).toEqual(faulted.entries[1]) // what came before was not done again
  await apply('Workflow', 'shop.fails:1.0.0', flow('fails', [{ fail }]))
  const failing = await call('POST', '/workflows/shop.fails/runs', {})
  await runOnce(failing.body.id, 'faulted')
  const refused = await call('POST', `/runs/${failing.body.id}/retry`, {})
  expect([refused.status, refused.body.error.message]).toEqual([
    ...[409, 'its input made it fail: start it with another one'],
  ])
})
