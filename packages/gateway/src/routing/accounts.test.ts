// What a caller waits for where whoever keeps the accounts is slow.

import { expect, test } from 'vitest'
import { cleanups, newFolder, serve } from '../gateway-world.fixture.ts'
import { Accounts } from './accounts.ts'
import { remoteResponses } from './remote-responses.ts'

/** It begins an answer, and never comes to its end. */
async function serveDrops() {
  return await serve((_request, response) => {
    response.writeHead(200)
    const dripping = setInterval(() => response.write(' '), 250)
    response.once('close', () => clearInterval(dripping))
  })
}

const budget = {
  ...{ name: 'all', project: 'default', limitDollars: 1, window: 'total' as const },
}

test('an answer that drips in is not waited for: who keeps the accounts is away', async () => {
  const { url } = await serveDrops()
  const options = { url, key: 'k', folder: newFolder(), log: () => {} }
  const accounts = new Accounts(options, () => Date.now())
  cleanups.push(() => accounts.close())
  const response = { project: 'default', id: 'resp_tutti_1' }
  const [paid, kept] = await Promise.allSettled([
    accounts.purses.reserve([budget], 1),
    remoteResponses({ url, key: 'k' }).load(response),
  ])
  expect(paid).toMatchObject({ value: { spent: budget, isAway: true } })
  expect(kept).toMatchObject({ reason: { name: 'TimeoutError' } })
})
