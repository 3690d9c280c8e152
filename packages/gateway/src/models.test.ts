// Which models a key is told of: those that it may call.

import { routeSpec } from '@tutti/core/routing'
import { expect, test } from 'vitest'
import { digest, serve, signed, snapshotOf, world } from './gateway-world.fixture.ts'

test('models are the routes of the key’s project that it, and the policies, let it call', async () => {
  const engine = await serve((_, response) => response.end('{}'))
  const keys = [
    { id: 'all', routes: undefined, refused: undefined },
    { id: 'narrow', routes: ['both'], refused: undefined },
    { id: 'kept', routes: undefined, refused: ['Provider/dear'] },
    { id: 'far', routes: undefined, refused: undefined, project: 'far' },
  ].map(({ id, routes, refused, project = 'default' }) => ({
    ...{ id, hash: digest(id), project, owner: id },
    ...(routes === undefined ? {} : { routes }),
    ...(refused === undefined ? {} : { refused }),
  }))
  const route = (name: string, providers: readonly string[]) => ({
    ...{ name, project: 'default' },
    ...routeSpec.parse({ targets: providers.map((provider) => ({ provider, model: 'm' })) }),
  })
  const providers = ['dear', 'cheap'].map((name) => ({
    ...{ name, project: 'default', dialect: 'openai' as const, baseUrl: engine.url },
    allowPrivateNetwork: true,
  }))
  const routes = [route('best', ['dear']), route('both', ['dear', 'cheap'])]
  const { gateway } = await world(signed(snapshotOf({ keys, routes, providers })))
  const told = async (by: string) => {
    const headers = { authorization: `Bearer ${by}` }
    const answer = await fetch(`${gateway.url}/v1/models`, { headers })
    const { data } = JSON.parse(await answer.text())
    return data.map(({ id }: { id: string }) => id)
  }
  expect(await told('all')).toEqual(['best', 'both'])
  expect(await told('narrow')).toEqual(['both'])
  expect(await told('kept')).toEqual(['both'])
  expect(await told('far')).toEqual([])
})
