// Strategies of a Route, with real engines behind it.

import { routeSpec, type Strategy } from '@tutti/core/routing'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { key, serve, signed, snapshotOf, world } from './gateway-world.fixture.ts'
import { promptBlocks } from './routing/prompt-blocks.ts'
import type { Gateway } from './start.ts'

const answer = '{"choices":[{"message":{"content":"hi"},"finish_reason":"stop"}]}'

/** Engines that count what they are asked, in one tier. */
async function bed(strategy: Strategy, prices: readonly number[]) {
  const asked = prices.map((): string[] => [])
  const engines = await Promise.all(
    prices.map((_, i) =>
      serve((_request, response, body) => {
        asked[i]?.push(body)
        response.end(answer)
      }),
    ),
  )
  const targets = prices.map((inputPerMillion, i) => ({
    ...{ provider: `engine${i}`, model: 'm', price: { inputPerMillion } },
  }))
  const snapshot = snapshotOf({
    routes: [{ name: 'chat', project: 'default', ...routeSpec.parse({ targets, strategy }) }],
    providers: engines.map(({ url }, i) => ({
      ...{ name: `engine${i}`, project: 'default', dialect: 'openai' as const, baseUrl: url },
      allowPrivateNetwork: true,
    })),
  })
  const { gateway } = await world(signed(snapshot))
  return { gateway, counts: () => asked.map(({ length }) => length) }
}

async function ask(gateway: Gateway, content: string): Promise<void> {
  const got = await fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}` },
    body: JSON.stringify({ model: 'chat', messages: [{ role: 'user', content }] }),
  })
  expect(await got.text()).toBe(answer)
}

describe('strategies', () => {
  test('a conversation stays where its beginning is, others spread', async () => {
    const { gateway, counts } = await bed('prefix', [0, 0, 0, 0])
    let talk = 'once upon a time '.repeat(1_000)
    for (let turn = 0; turn < 8; turn++) {
      await ask(gateway, talk)
      talk += `and then, for the ${turn}th time, `.repeat(200)
    }
    expect(counts().filter((count) => count > 0)).toEqual([8])
  })

  test('the cheapest is asked while it is there', async () => {
    const { gateway, counts } = await bed('cheapest', [3, 1, 2])
    for (let i = 0; i < 5; i++) await ask(gateway, 'hi')
    expect(counts()).toEqual([0, 5, 0])
  })
})

test('bodies that begin alike have the same first blocks, and no others', () => {
  const bytes = fc.uint8Array({ minLength: 0, maxLength: 9_000 })
  fc.assert(
    fc.property(bytes, bytes, bytes, (head, one, other) => {
      const a = promptBlocks(Buffer.concat([head, one]))
      const b = promptBlocks(Buffer.concat([head, other]))
      const same = Math.floor(head.length / 2_048)
      expect([...a.slice(0, same)]).toEqual([...b.slice(0, same)])
      const first = Buffer.concat([head, one]).subarray(0, a.length * 2_048)
      const second = Buffer.concat([head, other]).subarray(0, b.length * 2_048)
      for (let i = 0; i < Math.min(a.length, b.length); i++) {
        const end = (i + 1) * 2_048
        expect(a[i] === b[i]).toBe(first.subarray(0, end).equals(second.subarray(0, end)))
      }
    }),
  )
})
