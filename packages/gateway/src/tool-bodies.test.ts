// What is kept of calls of tools: only where their Provider says so, redacted, as their server heard and said it.

import type { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { guardSpec } from '@tutti/core/governance'
import { type KeptRequest, toolServerSpec } from '@tutti/core/routing'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { signed, world } from './gateway-world.fixture.ts'
import { serveTools, toolClient, toolSnapshot } from './tool-world.fixture.ts'

const card = '4111 1111 1111 1111'
const image = { type: 'image' as const, data: 'q7Zr2LxW9vKd', mimeType: 'image/png' }

async function keeping(of: object) {
  const add = (server: McpServer) =>
    server.registerTool('say', { inputSchema: { said: z.any() } }, ({ said }) => ({
      content: [{ type: 'text', text: `heard ${said} of bob@example.org` }, image],
    }))
  const tools = await serveTools('one', add)
  const { bodies } = toolServerSpec.parse(of)
  const { gateway, kept, untilKept } = await world(
    signed(toolSnapshot([{ name: 'one', url: tools.url, ...of, bodies }])),
  )
  const client = await toolClient(gateway)
  const say = (said: unknown) => client.callTool({ name: 'one__say', arguments: { said } })
  return { gateway, client, say, kept, untilKept }
}

const texts = ({ input, output }: KeptRequest) => [input?.text, output?.text]

test('is what the server heard and said, with what is private taken out of both', async () => {
  const guard = guardSpec.parse({ detect: ['card'], on: ['input'] })
  const { say, client, untilKept } = await keeping({ bodies: { days: 7 }, guard })
  const result = await say(`${card} and ann@example.org`)
  expect(result.content).toMatchObject([
    { text: `heard ${card} and ann@example.org of bob@example.org` },
    image,
  ])
  await client.callTool({ name: 'one__fail' })
  const [first, second] = await untilKept(2)
  if (first === undefined || second === undefined) throw new Error('nothing was kept')
  expect(first).toMatchObject({ route: 'mcp/one', key: 'app', record: { targets: ['one__say'] } })
  expect(first.expiresAtMs - first.atMs).toBe(7 * 86_400_000)
  const content = [{ type: 'text', text: 'heard [CARD_1] and [EMAIL] of [EMAIL]' }, image]
  expect(texts(first).map((text) => JSON.parse(text ?? ''))).toEqual([
    { said: '[CARD_1] and [EMAIL_1]' },
    { content },
  ])
  expect(JSON.parse(second.output?.text ?? '')).toMatchObject({ isError: true })
  expect(second.input?.text).toBe('{}')
})

test('is of a denied call what was asked, and one side where the rule says so', async () => {
  const guard = guardSpec.parse({ detect: ['card'], actions: { card: 'deny' } })
  const denying = await keeping({ bodies: {}, guard })
  await expect(denying.say(card)).rejects.toThrow('card (luhn)')
  const [denied] = await denying.untilKept(1)
  expect(denied === undefined ? [] : texts(denied)).toEqual(['{"said":"[CARD_1]"}', undefined])
  const half = await keeping({ bodies: { keep: ['output'], bytesMax: 12 } })
  await half.say('x')
  const [cut] = await half.untilKept(1)
  expect(cut).toMatchObject({ input: null, output: { text: '{"content":[', isCut: true } })
})

test('is nothing where the Provider does not say so, or of the share that it leaves out', async () => {
  for (const of of [{}, { bodies: { share: 0 } }]) {
    const { say, gateway, kept } = await keeping(of)
    await say('hi')
    await gateway.stop()
    expect(kept).toEqual([])
  }
})
