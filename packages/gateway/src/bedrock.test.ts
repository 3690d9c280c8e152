// Amazon Bedrock behind a Route: signed, streamed in frames, and never taken for complete where it is not (I6).

import { routeSpec } from '@tutti/core/routing'
import { describe, expect, test } from 'vitest'
import { type Handler, key, serve, signed, snapshotOf, world } from './gateway-world.fixture.ts'
import { signAws } from './governance/sign-aws.ts'
import { deltaFrame, eventFrame, stopFrame, usageFrame } from './routing/bedrock-engine.fixture.ts'
import type { Gateway } from './start.ts'

const [accessKeyId, secretAccessKey] = ['AKIAIOSFODNN7EXAMPLE', 'wJalrXUtnFEMI/K7MDENG']
const model = 'eu.anthropic.claude-sonnet-4-v1:0'

// So that no test waits for a retry.
const nobodyTwice = Object.fromEntries(
  ['truncated', 'malformed', 'failing', 'rate-limited'].map((name) => [name, 'next']),
)

async function bed(
  engines: readonly Handler[],
  apiKey = `${accessKeyId}:${secretAccessKey}`,
  more: object = {},
) {
  const servers = await Promise.all(engines.map(serve))
  const targets = servers.map((_, i) => ({ provider: `b${i}`, model, tier: i }))
  const { gateway } = await world(
    signed(
      snapshotOf({
        routes: [
          {
            ...{ name: 'chat', project: 'default' },
            ...routeSpec.parse({ targets, timeoutMs: 4_000, fallback: nobodyTwice, ...more }),
          },
        ],
        providers: servers.map(({ url }, i) => ({
          ...{ name: `b${i}`, project: 'default', dialect: 'bedrock' as const, baseUrl: url },
          ...{ allowPrivateNetwork: true, region: 'eu-west-1', apiKey },
        })),
      }),
    ),
  )
  return gateway
}

async function ask(gateway: Gateway, stream: boolean) {
  const answer = await fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}` },
    body: JSON.stringify({ model: 'chat', stream, messages: [{ role: 'user', content: 'hi' }] }),
  })
  let text = ''
  const type = answer.headers.get('content-type')
  try {
    for await (const chunk of answer.body ?? []) text += Buffer.from(chunk).toString('utf8')
    return { status: answer.status, type, text, isWhole: true }
  } catch {
    return { status: answer.status, type, text, isWhole: false } // the connection was cut
  }
}

const frames =
  (...all: readonly Buffer[]): Handler =>
  (_, response) => {
    response.writeHead(200, { 'content-type': 'application/vnd.amazon.eventstream' })
    response.end(Buffer.concat(all))
  }
const begin = eventFrame('messageStart', { role: 'assistant' })
const well = frames(begin, deltaFrame('well'), stopFrame, usageFrame)

describe('Bedrock', () => {
  test('a request is signed for its region and path, and the secret stays here', async () => {
    let seen: { url: string; is: string; wanted: string } | undefined
    const gateway = await bed([
      (request, response, body) => {
        const { host = '', authorization = '' } = request.headers
        const time = String(request.headers['x-amz-date'])
        const date = time.replace(/^(....)(..)(..T..)(..)(..Z)$/, '$1-$2-$3:$4:$5')
        const asked = {
          ...{ method: 'POST', host, path: request.url ?? '', query: '' },
          ...{ headers: { 'content-type': 'application/json' }, body: Buffer.from(body) },
        }
        const scope = { region: 'eu-west-1', service: 'bedrock', nowMs: Date.parse(date) }
        const wanted = signAws(asked, { accessKeyId, secretAccessKey }, scope)
        seen = { url: request.url ?? '', is: authorization, wanted: wanted['authorization'] ?? '' }
        const message = { role: 'assistant', content: [{ text: 'hello' }] }
        const usage = { inputTokens: 3, outputTokens: 2 }
        response.end(JSON.stringify({ output: { message }, stopReason: 'end_turn', usage }))
      },
    ])
    const { text } = await ask(gateway, false)
    expect(JSON.parse(text)).toMatchObject({
      choices: [{ message: { content: 'hello' }, finish_reason: 'stop' }],
      usage: { prompt_tokens: 3, completion_tokens: 2 },
    })
    expect(seen?.url).toBe(`/model/${encodeURIComponent(model)}/converse`)
    expect(seen?.is).toBe(seen?.wanted)
    expect(seen?.is).not.toContain(secretAccessKey)
  })

  test('an API key of Bedrock is a bearer token', async () => {
    let authorization: string | undefined
    const gateway = await bed(
      [
        (request, ...rest) => {
          authorization = request.headers.authorization
          well(request, ...rest)
        },
      ],
      'bedrock-api-key',
    )
    expect((await ask(gateway, true)).text).toContain('well')
    expect(authorization).toBe('Bearer bedrock-api-key')
  })

  test('a stream comes as events of the caller’s dialect', async () => {
    const gateway = await bed([well])
    const { type, text } = await ask(gateway, true)
    expect(type).toBe('text/event-stream')
    expect(text).toContain('"content":"well"')
    expect(text.endsWith('data: [DONE]\n\n')).toBe(true)
  })

  const broken = Buffer.from(deltaFrame('x'))
  broken.writeUInt8(broken.readUInt8(40) ^ 1, 40)
  const throttled = eventFrame('throttlingException', { message: 'slow down' }, 'exception')
  test.each<[string, Handler]>([
    ['a wrong checksum', frames(begin, broken, stopFrame)],
    ['an exception', frames(begin, throttled)],
    ['an end without a stop', frames(begin)],
    ['half a frame', frames(begin, deltaFrame('well').subarray(0, 20))],
    ['a page of a proxy', (_, response) => response.end('<html>')],
    ['a 424', (_, response) => response.writeHead(424).end('{"message":"model error"}')],
    [
      'a tool call that the model spoilt',
      frames(begin, eventFrame('messageStop', { stopReason: 'malformed_tool_use' })),
    ],
  ])('before the first content, %s is answered by another', async (_, fails) => {
    const gateway = await bed([fails, well])
    const { status, text } = await ask(gateway, true)
    expect([status, text.includes('well')]).toEqual([200, true])
  })

  test.each<[string, Handler]>([
    ['a wrong checksum', frames(begin, deltaFrame('half'), broken, stopFrame)],
    ['an exception', frames(begin, deltaFrame('half'), throttled)],
    ['an end without a stop', frames(begin, deltaFrame('half'))],
  ])('after it, %s never looks finished', async (_, fails) => {
    const gateway = await bed([fails])
    const { text, isWhole } = await ask(gateway, true)
    expect(text).toContain('half')
    expect(text).not.toContain('[DONE]')
    expect([text.includes('stream_broken'), isWhole]).toEqual([true, false])
  })
})

test('an answer that is kept from a stream has a name and a model when it is given whole', async () => {
  const engine = frames(deltaFrame('so'), stopFrame, usageFrame)
  const gateway = await bed([engine], undefined, { cache: {} })
  const { isWhole, text } = await ask(gateway, true)
  expect([isWhole, text.includes('"model":"chat"')]).toEqual([true, true])
  const again = JSON.parse((await ask(gateway, false)).text)
  expect(again).toMatchObject({ id: expect.stringMatching(/^req_/), model: 'chat' })
  expect(again.choices[0].message.content).toBe('so')
})
