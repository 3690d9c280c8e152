import { expect, test } from 'vitest'
import { parseWorkerMessage } from './worker-message.ts'

test('what workers tell each other is told as it was said, and anything else is none', () => {
  const call = { key: 'default/app', session: 's', call: 7 }
  for (const said of [
    { kind: 'taken-back', from: 2, call },
    { kind: 'used', from: 2, uses: [] },
    { kind: 'relays', from: 2, urls: {} },
    { kind: 'gone', from: 2 },
  ]) {
    expect(parseWorkerMessage(JSON.parse(JSON.stringify(said)))).toEqual(said)
  }
  for (const other of [{ kind: 'taken-back' }, { kind: 'used' }, { kind: 'else' }, 'gone', null]) {
    expect(parseWorkerMessage(other)).toBe(null)
  }
})
