import { expect, test } from 'vitest'
import { openDatabase } from '../store/index.ts'
import { apply, call, folder, usePlane } from '../test-plane.fixture.ts'

usePlane()

const flow = (name: string, more: object = {}) => ({
  document: {
    document: { dsl: '1.0.3', namespace: 'shop', name, version: '1.0.0', ...more },
    do: [{ ask: { call: 'tutti.human', with: { title: 'Go?' } } }],
  },
})
const start = async (name: string): Promise<string> =>
  (await call('POST', `/workflows/shop.${name}/runs`, {})).body.id

/** The ids of all runs, so many at a time; between pages something else happens. */
async function pages(query: string, size: number, between: () => Promise<unknown>) {
  const ids: string[] = []
  for (let after = ''; ; ) {
    const { body } = await call('GET', `/runs?${query}&limit=${size}${after}`)
    ids.push(...body.items.map(({ id }: { id: string }) => id))
    if (body.next === null) return ids
    expect(body.next).toBe(body.items.at(-1).cursor)
    after = `&after=${encodeURIComponent(body.next)}`
    await between()
  }
}

test('all runs are read page by page, each once, whatever begins meanwhile', async () => {
  await apply('Workflow', 'shop.many:1.0.0', flow('many'))
  const ids: string[] = []
  for (let i = 0; i < 7; i++) ids.push(await start('many'))
  const database = await openDatabase({ url: undefined, dataFolder: folder })
  try {
    // Those that began in the same millisecond, too.
    await database.sql`update workflow_run set started_at_ms = 5 where id = any(${ids.slice(0, 4)})`
  } finally {
    await database.stop()
  }
  const expected = [...ids.slice(4).reverse(), ...ids.slice(0, 4).sort()]
  expect(await pages('name=many', 2, () => start('many'))).toEqual(expected)
  expect(await pages('name=many&status=completed', 2, () => start('many'))).toEqual([])
  expect((await call('GET', '/runs?after=nonsense')).status).toBe(422)
})

test('what waits in queues is read page by page, too', async () => {
  const metadata = { tutti: { concurrency: 1 } }
  await apply('Workflow', 'shop.queued:1.0.0', flow('queued', { metadata }))
  const ids: string[] = []
  for (let i = 0; i < 6; i++) ids.push(await start('queued'))
  let waiting = ids
  while (waiting.length > 5) {
    // the first one begins
    const { body } = await call('GET', '/runs?status=queued')
    waiting = body.items.map(({ id }: { id: string }) => id)
  }
  expect(waiting).toEqual(ids.slice(1))
  expect(await pages('status=queued', 2, async () => {})).toEqual(waiting)
  const { cursor } = (await call('GET', '/runs?name=many')).body.items[0]
  expect((await call('GET', `/runs?status=queued&after=${cursor}`)).status).toBe(422)
})

test('a workflow is named by its name alone, or with namespace and version', async () => {
  await apply('Workflow', 'shop.named:1.0.0', flow('named'))
  const id = await start('named')
  for (const [name, ids] of [
    ...[['named', [id]] as const, ['shop.named', [id]] as const],
    ...[['shop.named:1.0.0', [id]] as const, ['shop.named:2.0.0', []] as const],
    ['bar.named', []] as const,
  ] as const) {
    expect([name, await pages(`name=${name}`, 9, async () => {})]).toEqual([name, ids])
  }
})
