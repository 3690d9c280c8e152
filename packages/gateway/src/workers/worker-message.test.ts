import { expect, test } from 'vitest'
import { parseWorkerMessage } from './worker-message.ts'

test('what workers tell each other is told as it was said, and anything else is none', () => {
  const call = { key: 'default/app', session: 's', call: 7 }
  for (const said of [
    { kind: 'taken-back', from: 2, call },
    { kind: 'used', from: 2, uses: [] },
    { kind: 'relays', from: 2, urls: {} },
    { kind: 'gone', from: 2 },
    { kind: 'door', from: 2, url: 'http://127.0.0.1:1' },
  ]) {
    expect(parseWorkerMessage(JSON.parse(JSON.stringify(said)))).toEqual(said)
  }
  const kinds = ['taken-back', 'used', 'relays', 'door', 'else']
  const bare = kinds.map((kind) => ({ kind, from: 2, url: 1, urls: 1, uses: 1, call: 1 }))
  for (const other of [...bare, ...kinds.map((kind) => ({ kind })), 'gone', null]) {
    expect(parseWorkerMessage(other)).toBe(null)
  }
})
