// A shadow that is taken away, or given another place, while what it would be asked is still being answered.

import { routeSpec } from '@tutti/core/routing'
import { expect, test } from 'vitest'
import { key, serve, signed, snapshotOf, world } from './gateway-world.fixture.ts'
import { Wakes } from './wakes.fixture.ts'

const part = (content: string, finish_reason: string | null) =>
  `data: ${JSON.stringify({ id: 'c', choices: [{ index: 0, delta: { content }, finish_reason }] })}\n\n`

/** Says at which path it is asked; a stream ends as `ends` does. */
async function engine(ends: Promise<void>) {
  const asked: string[] = []
  const wakes = new Wakes()
  const { url } = await serve(async (request, response) => {
    asked.push(request.url?.split('/')[1] ?? '')
    wakes.wake()
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write(part('so ', null))
    await ends
    response.end(`${part('it is', 'stop')}data: [DONE]\n\n`)
  })
  const until = (path: string) => wakes.until(() => asked.includes(path))
  return { url, asked, until }
}

test.each([
  ['is asked nothing once it has none', null, []],
  ['is asked there once it is elsewhere', 'there', ['there']],
])('the shadow of a Route %s', async (_, place, expected) => {
  let end = () => {}
  const ends = new Promise<void>((resolve) => {
    end = resolve
  })
  const { url, asked, until } = await engine(ends)
  const snapshot = (shadow: string | null, sequence: number) => {
    const of = (provider: string) => ({ provider, model: 'm' })
    const spec = { targets: [of('live')], ...(shadow && { shadow: { target: of(shadow) } }) }
    return signed(
      snapshotOf({
        sequence,
        routes: [{ name: 'chat', project: 'default', ...routeSpec.parse(spec) }],
        providers: ['live', 'before', 'there'].map((name) => ({
          ...{ name, project: 'default', dialect: 'openai', baseUrl: `${url}/${name}` },
          allowPrivateNetwork: true,
        })),
      }),
    )
  }
  const { gateway, push, untilEvent } = await world(snapshot('before', 1))
  const answer = await fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}` },
    body: JSON.stringify({
      model: 'chat',
      stream: true,
      messages: [{ role: 'user', content: 'q' }],
    }),
  })
  push(snapshot(place, 2))
  await untilEvent('snapshot', 2)
  end()
  expect(await answer.text()).toContain('[DONE]')
  if (place !== null) await until(place)
  await gateway.stop() // shadows that have begun are over
  expect(asked.filter((path) => path !== 'live')).toEqual(expected)
})
