// What befalls one account at a Provider says nothing of another: of another Project, or of the same Route.

import { routeSpec, type Snapshot } from '@tutti/core/routing'
import { expect, test } from 'vitest'
import { digest, key, serve, signed, snapshotOf, world } from './gateway-world.fixture.ts'

const others = 'tutti_other_secret'

/** Answers whoever has a good key, and says whom it was asked by. */
async function engine(refusal: number) {
  const asked: string[] = []
  const { url } = await serve((request, response) => {
    const by = String(request.headers.authorization).replace('Bearer ', '')
    asked.push(by)
    const isGood = by !== 'spent'
    const head = { 'content-type': 'application/json', 'retry-after': '0' }
    response.writeHead(isGood ? 200 : refusal, head)
    if (!isGood) return response.end('{"error":{"message":"not with this account"}}')
    const message = { role: 'assistant', content: 'hi' }
    const usage = { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 }
    const choices = [{ index: 0, message, finish_reason: 'stop' }]
    response.end(JSON.stringify({ id: 'c', choices, usage }))
  })
  return { url: `${url}/v1`, asked }
}

type Account = readonly [project: string, provider: string, url: string, apiKey: string]

function accountsIn(accounts: readonly Account[], targets: readonly object[]): Snapshot {
  const spec = routeSpec.parse({ targets })
  const projects = [...new Set(accounts.map(([project]) => project))]
  return snapshotOf({
    keys: [
      { id: 'one', hash: digest(key), project: 'one', owner: 'one' },
      { id: 'two', hash: digest(others), project: 'two', owner: 'two' },
    ],
    routes: projects.map((project) => ({ name: 'chat', project, ...spec })),
    providers: accounts.map(([project, name, baseUrl, apiKey]) => ({
      ...{ project, name, baseUrl, apiKey, dialect: 'openai', allowPrivateNetwork: true },
    })),
  })
}

async function chat(url: string, by: string): Promise<number> {
  const answer = await fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${by}` },
    body: JSON.stringify({ model: 'chat', messages: [{ role: 'user', content: 'q' }] }),
  })
  await answer.text()
  return answer.status
}

test.each([401, 429])(
  'a Project whose account gets a %d keeps no other one from the Provider',
  async (refusal) => {
    const [first, spare] = [await engine(refusal), await engine(refusal)]
    const accounts: Account[] = [
      ['one', 'main', first.url, 'spent'],
      ['one', 'spare', spare.url, 'spare'],
      ['two', 'main', first.url, 'paid'],
      ['two', 'spare', spare.url, 'spare'],
    ]
    const targets = [
      { provider: 'main', model: 'm' },
      { provider: 'spare', model: 'm', tier: 1 },
    ]
    const { gateway } = await world(signed(accountsIn(accounts, targets)))
    for (let i = 0; i < 4; i++) expect(await chat(gateway.url, key)).toBe(200)
    spare.asked.splice(0)
    for (let i = 0; i < 4; i++) expect(await chat(gateway.url, others)).toBe(200)
    expect([first.asked.filter((by) => by === 'paid').length, spare.asked]).toEqual([4, []])
  },
)

test('another key is asked with at once, whatever became of the one before', async () => {
  const [{ url, asked }, spare] = [await engine(401), await engine(401)]
  const accountsWith = (apiKey: string): Account[] => [
    ['one', 'main', url, apiKey],
    ['one', 'spare', spare.url, 'spare'],
  ]
  const targets = [
    { provider: 'main', model: 'm' },
    { provider: 'spare', model: 'm', tier: 1 },
  ]
  const bed = await world(signed(accountsIn(accountsWith('spent'), targets)))
  const refused = () => bed.events.filter(({ event }) => event === 'a Provider refuses its key')
  for (let i = 0; i < 9; i++) expect(await chat(bed.gateway.url, key)).toBe(200)
  expect([asked.length < 9, refused().length]).toEqual([true, 1]) // its circuit is open
  const renewed = async (sequence: number, apiKey: string) => {
    asked.splice(0)
    bed.push(signed({ ...accountsIn(accountsWith(apiKey), targets), sequence }))
    await bed.untilEvent('snapshot', sequence)
    expect(await chat(bed.gateway.url, key)).toBe(200)
    return asked
  }
  expect(await renewed(2, 'spent')).toEqual([]) // the same key
  expect(await renewed(3, 'good')).toEqual(['good'])
  await renewed(4, 'spent')
  expect(refused()).toHaveLength(2)
})

test.each([401, 429])(
  'of two accounts of a Route the other is asked where one gets a %d',
  async (refusal) => {
    const { url, asked } = await engine(refusal)
    const accounts: Account[] = [
      ['one', 'main', url, 'spent'],
      ['one', 'second', url, 'paid'],
    ]
    const targets = [
      { provider: 'main', model: 'm', weight: 1 },
      { provider: 'second', model: 'm', weight: 1e-9 },
    ]
    const { gateway } = await world(signed(accountsIn(accounts, targets)))
    expect(await chat(gateway.url, key)).toBe(200)
    expect(asked).toEqual(['spent', 'paid'])
  },
)
