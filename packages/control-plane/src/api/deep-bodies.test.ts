// Bodies that are nested without end: each is refused in words, for no fault of the control plane's.

import { expect, test } from 'vitest'
import { bed, call, usePlane } from '../test-plane.fixture.ts'

usePlane()

const deep = (levels: number) => `${'['.repeat(levels)}${']'.repeat(levels)}`
const asked = (path: string) => (path === '/projects/d' ? 'PUT' : 'POST')

test('whatever is asked with one, it is told how deep it may be', async () => {
  for (const path of ['/projects/d', '/events', '/workflows/shop.x/runs', '/join']) {
    for (const levels of [200, 50_000]) {
      const { status, body } = await call(asked(path), path, `{"a": ${deep(levels)}}`)
      expect([path, status, body.error.message]).toEqual([
        ...[path, 422],
        expect.stringContaining('expected at most 150 levels in each other, at a.0.0'),
      ])
    }
  }
})

test('a client of the Model Context Protocol hears it in its own words', async () => {
  const headers = {
    accept: 'application/json, text/event-stream',
    'content-type': 'application/json',
  }
  for (const [args, said] of [
    [deep(50_000), 'expected at most 150 levels in each other, at params.arguments.0'],
    ['}', 'expected a JSON body'],
  ] as const) {
    const text = `{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"arguments": ${args}}}`
    const { status, body } = await call('POST', '/mcp', text, {
      headers: { ...headers, ...auth() },
    })
    expect([status, body.error]).toEqual([
      400,
      { code: -32_700, message: expect.stringContaining(said) },
    ])
  }
})

const auth = () => ({ authorization: `Bearer ${bed.admin}` })
