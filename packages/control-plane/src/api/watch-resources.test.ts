import { expect, test } from 'vitest'
import { openDatabase } from '../store/index.ts'
import { bed, folder, usePlane } from '../test-plane.fixture.ts'

usePlane()

test('a watch ends where a change may have been missed: its client starts again from a list', async () => {
  const database = await openDatabase({ url: undefined, dataFolder: folder })
  try {
    const answer = await fetch(`${bed.plane.url}/api/v1/projects?watch=true`, {
      headers: { authorization: `Bearer ${bed.admin}` },
    })
    const reader = answer.body?.getReader()
    const first = await reader?.read()
    expect(new TextDecoder().decode(first?.value)).toContain('event: added')
    await database.sql`
      select pg_terminate_backend(pid) from pg_stat_activity where query ilike 'listen%'`
    while ((await reader?.read())?.done !== true);
  } finally {
    await database.stop()
  }
})
