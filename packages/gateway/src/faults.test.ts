// What upstreams do wrong, and what the caller sees of it: I5, I6.

import type { ServerResponse } from 'node:http'
import { routeSpec, type Snapshot } from '@tutti/core/routing'
import { describe, expect, test } from 'vitest'
import {
  answerWell,
  type Handler,
  infer,
  key,
  serve,
  signed,
  snapshotOf,
  toNodes,
  world,
} from './gateway-world.fixture.ts'
import type { Gateway } from './start.ts'

const text = 'the quick brown fox jumps over the lazy dog'
const words = text.split(' ').map((word, i) => (i === 0 ? word : ` ${word}`))

type Dialect = 'openai' | 'anthropic'

/** Engines in tiers: the first is asked first. */
function chain(urls: readonly string[], dialect: Dialect, more: object = {}): Snapshot {
  const targets = urls.map((_, i) => ({ provider: `engine${i}`, model: `m${i}`, tier: i, ...more }))
  return snapshotOf({
    routes: [
      {
        ...{ name: 'chat', project: 'default' },
        ...routeSpec.parse({
          targets,
          timeoutMs: 4_000,
          timers: { firstTokenMs: 300, idleMs: 300 },
        }),
      },
    ],
    providers: urls.map((url, i) => ({
      ...{ name: `engine${i}`, project: 'default', dialect, baseUrl: `${url}/v1` },
      ...{ allowPrivateNetwork: true, apiKey: 'k' },
    })),
  })
}

const openaiPart = (content: string, reason: string | null = null) =>
  `data: ${JSON.stringify({
    ...{ id: 'c1', object: 'chat.completion.chunk', model: 'm', created: 1 },
    choices: [{ index: 0, delta: content === '' ? {} : { content }, finish_reason: reason }],
  })}\n\n`
const anthropicPart = (type: string, more: object) =>
  `event: ${type}\ndata: ${JSON.stringify({ type, ...more })}\n\n`

/** The frames of a stream with these words; `isWhole` adds its end. */
function frames(dialect: Dialect, parts: readonly string[], isWhole: boolean): string[] {
  if (dialect === 'openai') {
    const end = [openaiPart('', 'stop'), 'data: [DONE]\n\n']
    return [...parts.map((part) => openaiPart(part)), ...(isWhole ? end : [])]
  }
  const message = { id: 'm1', model: 'm', usage: { input_tokens: 3, output_tokens: 0 } }
  return [
    anthropicPart('message_start', { message }),
    anthropicPart('content_block_start', { index: 0, content_block: { type: 'text', text: '' } }),
    ...parts.map((part) =>
      anthropicPart('content_block_delta', { index: 0, delta: { type: 'text_delta', text: part } }),
    ),
    ...(isWhole
      ? [
          anthropicPart('content_block_stop', { index: 0 }),
          anthropicPart('message_delta', {
            ...{ delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 9 } },
          }),
          anthropicPart('message_stop', {}),
        ]
      : []),
  ]
}

function streams(sent: readonly string[], end: (response: ServerResponse) => void): Handler {
  return (_, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write(sent.join(''), () => end(response))
  }
}

const ends = (response: ServerResponse) => response.end()
const cuts = (response: ServerResponse) => response.destroy()
const stalls = () => {}

function ask(gateway: Gateway, dialect: Dialect, stream = true): Promise<Response> {
  const path = dialect === 'openai' ? '/v1/chat/completions' : '/v1/messages'
  return fetch(gateway.url + path, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}` },
    body: JSON.stringify({ model: 'chat', stream, messages: [{ role: 'user', content: 'go' }] }),
  })
}

/** All that came before the connection ended, and how it ended. */
async function drain(answer: Response): Promise<{ text: string; isCut: boolean }> {
  let got = ''
  const decoder = new TextDecoder()
  try {
    for await (const chunk of answer.body ?? []) got += decoder.decode(chunk, { stream: true })
    return { text: got, isCut: false }
  } catch {
    return { text: got, isCut: true }
  }
}

function said(got: string): string {
  const datas = [...got.matchAll(/^data: (\{.*)$/gm)].map(([, data]) => JSON.parse(data ?? ''))
  return datas.map((data) => data.choices?.[0]?.delta?.content ?? data.delta?.text ?? '').join('')
}

describe('no request fails while somebody could answer it (T1, I5)', () => {
  test('nodes that keep silent are not waited for', async () => {
    const silent = await Promise.all([1, 2, 3].map(() => serve(() => {})))
    const good = await serve(answerWell)
    const { gateway } = await world(signed(toNodes([...silent.map(({ url }) => url), good.url])))
    const answers = await Promise.all([1, 2, 3, 4].map(() => infer(gateway)))
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200])
  })

  test('where all ask for patience the caller is told of the soonest, in seconds', async () => {
    const patience = [() => '9'.repeat(400), () => new Date(Date.now() + 60_000).toUTCString()]
    const limited = patience.map((value) =>
      serve((_, response) => {
        response.writeHead(429, { 'retry-after': value() })
        response.end('{"error":{"message":"later","code":"rate_limit_exceeded"}}')
      }),
    )
    const urls = (await Promise.all(limited)).map(({ url }) => url)
    const { gateway } = await world(signed(chain(urls, 'openai')))
    const { status, headers } = await ask(gateway, 'openai', false)
    expect([status, headers.get('retry-after')]).toEqual([429, expect.stringMatching(/^(60|59)$/)])
  })

  test('a node that is slow, not dead, still answers', async () => {
    let asked = 0
    let answer = () => {}
    const count = () => {
      asked += 1
      if (asked === 3) answer() // only once the gateway has asked everybody else
    }
    const silent = await Promise.all([1, 2].map(() => serve(count)))
    const slow = await serve((request, response, body) => {
      answer = () => answerWell(request, response, body)
      count()
    })
    const { gateway } = await world(signed(toNodes([slow.url, ...silent.map(({ url }) => url)])))
    expect((await infer(gateway)).status).toBe(200)
  })
})

const whole = JSON.stringify({
  choices: [{ index: 0, message: { role: 'assistant', content: text }, finish_reason: 'stop' }],
})

describe('a whole answer is whole or a failure (I6)', () => {
  const broken: Record<string, Handler> = {
    'content-length is short': (_, response) => {
      response.writeHead(200, { 'content-length': whole.length + 10 })
      response.write(whole, () => response.destroy())
    },
    'chunks without a last one': (_, response) => {
      response.writeHead(200, { 'content-type': 'application/json' })
      response.write(whole.slice(0, -1), () => response.destroy())
    },
    'an end that nothing marks': (request) => {
      request.socket.end(`HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n${whole.slice(0, 60)}`)
    },
    'no finish_reason': (_, response) => {
      response.end(JSON.stringify({ choices: [{ message: { content: 'the quick' } }] }))
    },
    'an error page': (_, response) => {
      response.writeHead(200, { 'content-type': 'text/html' })
      response.end('<html>try again later</html>')
    },
    'a redirect inside': (_, response) => {
      response.writeHead(302, { location: 'http://169.254.169.254/latest/meta-data' })
      response.end()
    },
  }
  for (const [what, handler] of Object.entries(broken)) {
    test(what, async () => {
      const bad = await serve(handler)
      const alone = await world(signed(chain([bad.url], 'openai')))
      expect((await ask(alone.gateway, 'openai', false)).status).toBe(502)
      const good = await serve((_, response) => response.end(whole))
      const both = await world(signed(chain([bad.url, good.url], 'openai')))
      const answer = await ask(both.gateway, 'openai', false)
      expect([answer.status, await answer.text()]).toEqual([200, whole])
    })
  }
})

test('what the same text cites is told, wherever it stands (L2)', async () => {
  const url_citation = { url: 'https://a.example', title: 'A', start_index: 0, end_index: 3 }
  const delta = { annotations: [{ type: 'url_citation', url_citation }] }
  const cites = `data: ${JSON.stringify({ id: 'c2', choices: [{ index: 0, delta }] })}\n\n`
  const parts = frames('openai', [text.slice(0, 3), text.slice(3)], true)
  const bad = await serve(streams(frames('openai', words.slice(0, 4), false), cuts))
  const good = await serve(streams([...parts.slice(0, 1), cites, ...parts.slice(1)], ends))
  const { gateway } = await world(signed(chain([bad.url, good.url], 'openai')))
  const got = await drain(await ask(gateway, 'openai'))
  expect([said(got.text), got.isCut]).toEqual([text, false])
  expect(got.text).toMatch(/"start_index":0,"end_index":3/)
})

test('what a target cites that goes on after others’ words is told of its own words', async () => {
  const url_citation = { url: 'https://a.example', title: 'A', start_index: 0, end_index: 3 }
  const delta = { annotations: [{ type: 'url_citation', url_citation }] }
  const cites = `data: ${JSON.stringify({ id: 'c2', choices: [{ index: 0, delta }] })}\n\n`
  const [half, rest] = [words.slice(0, 4), words.slice(4)]
  const parts = frames('openai', [rest.join('')], true)
  let asked = 0
  const bad = await serve((request, response, body) => {
    asked += 1
    if (asked === 1) streams(frames('openai', half, false), cuts)(request, response, body)
    else request.socket.destroy()
  })
  const good = await serve(streams([...parts.slice(0, 1), cites, ...parts.slice(1)], ends))
  const chained = chain([bad.url, good.url], 'openai', { prefill: true })
  const got = await drain(await ask((await world(signed(chained))).gateway, 'openai'))
  expect([said(got.text), got.isCut]).toEqual([text, false])
  const start = half.join('').length
  expect(got.text).toContain(`"start_index":${start},"end_index":${text.length}`)
})

for (const dialect of ['openai', 'anthropic'] as const) {
  describe(`a stream is complete or says that it is not (I6), ${dialect}`, () => {
    const half = words.slice(0, 4)
    const endings = { ends, cuts, stalls }
    for (const [how, end] of Object.entries(endings)) {
      test(`one that ${how} in the middle ends with an error event and a cut`, async () => {
        const bad = await serve(streams(frames(dialect, half, false), end))
        const { gateway } = await world(signed(chain([bad.url], dialect)))
        const got = await drain(await ask(gateway, dialect))
        expect(said(got.text)).toBe(half.join(''))
        expect(got.text).toMatch(/"error":\{.*broke off/)
        expect(got.text).not.toMatch(/\[DONE\]|message_stop/)
        expect(got.isCut).toBe(true)
      })

      test(`one that ${how} is gone on with where the same text comes again (L2)`, async () => {
        const bad = await serve(streams(frames(dialect, half, false), end))
        const good = await serve(
          streams(frames(dialect, [text.slice(0, 9), text.slice(9)], true), ends),
        )
        const { gateway } = await world(signed(chain([bad.url, good.url], dialect)))
        const got = await drain(await ask(gateway, dialect))
        expect([said(got.text), got.isCut]).toEqual([text, false])
        expect(got.text).toMatch(/\[DONE\]|message_stop/)
      })
    }

    test('another text is never glued on (L2)', async () => {
      const bad = await serve(streams(frames(dialect, half, false), cuts))
      const other = await serve(streams(frames(dialect, ['a quick', ' brown'], true), ends))
      const { gateway } = await world(signed(chain([bad.url, other.url], dialect)))
      const got = await drain(await ask(gateway, dialect))
      expect(said(got.text)).toBe(half.join(''))
      expect([got.isCut, /"error":/.test(got.text)]).toEqual([true, true])
    })

    test('a target that continues gets what was sent as the last message', async () => {
      const bodies: string[] = []
      let asked = 0
      const bad = await serve((request, response, body) => {
        asked += 1
        if (asked === 1) streams(frames(dialect, half, false), cuts)(request, response, body)
        else request.socket.destroy()
      })
      const good = await serve((request, response, body) => {
        bodies.push(body)
        streams(frames(dialect, words.slice(4), true), ends)(request, response, body)
      })
      const { gateway } = await world(
        signed(chain([bad.url, good.url], dialect, { prefill: true })),
      )
      const got = await drain(await ask(gateway, dialect))
      expect([said(got.text), got.isCut]).toEqual([text, false])
      expect(JSON.parse(bodies[0] ?? '').messages).toEqual([
        { role: 'user', content: 'go' },
        { role: 'assistant', content: half.join('') },
      ])
    })

    test('before the first content nothing is lost: another answers', async () => {
      const bad = await serve(streams(frames(dialect, [], false), stalls))
      const good = await serve(streams(frames(dialect, words, true), ends))
      const { gateway } = await world(signed(chain([bad.url, good.url], dialect)))
      const answer = await ask(gateway, dialect)
      expect(await answer.text()).toBe(frames(dialect, words, true).join(''))
    })

    test('a missing end mark is added, a broken event never shown', async () => {
      const all = frames(dialect, words, true)
      const unmarked = await serve(streams(all.slice(0, -1), ends))
      const first = await world(signed(chain([unmarked.url], dialect)))
      const got = await drain(await ask(first.gateway, dialect))
      expect([said(got.text), got.isCut]).toEqual([text, false])
      expect(got.text.trimEnd()).toMatch(/(\[DONE\]|"message_stop"\})$/)
      const garbled = await serve(
        streams([...frames(dialect, half, false), 'data: {"cho\n\n'], ends),
      )
      const second = await world(signed(chain([garbled.url], dialect)))
      expect((await drain(await ask(second.gateway, dialect))).text).not.toContain('{"cho\n')
    })
  })
}
