// Why a node is cut off is told once for each reason, also where it never came to be connected.

import { newPrivateKey } from '@tutti/ledger'
import { expect, test } from 'vitest'
import { Connection } from './connection.ts'
import type { WireEvents } from './wire.ts'

function bed() {
  const told: string[] = []
  const wires: WireEvents[] = []
  let due: (() => void) | null = null
  const clock = {
    nowMs: () => 0,
    steadyMs: () => 0,
    schedule: (afterMs: number, run: () => void) => {
      if (afterMs < 15_000 || afterMs === 30_000) due = run // not the watch over its silence
      return () => {}
    },
  }
  const connection = new Connection({
    dial: (_, events) => {
      wires.push(events)
      return { send: () => {}, ping: () => {}, terminate: () => events.onClose('it was closed') }
    },
    ...{ clock, chance: () => 0, url: 'http://plane', node: 'n', key: newPrivateKey() },
    ...{ controlPlane: 'did:key:z6MkqSzyPjeL1nbpqkTSBeQZ3ZLJ2qsNMq3Sg1Y39a3sdYBR' },
    ...{ checkpointSize: () => 0, onWelcome: () => {}, onMessage: () => {} },
    onDown: (reason) => told.push(reason),
  })
  connection.open()
  /** What happens to the next attempt. */
  const attempt = (act: (events: WireEvents) => void) => {
    due?.()
    const events = wires.at(-1)
    if (events === undefined) throw new Error('it dials')
    act(events)
  }
  return { told, attempt }
}

const refusing = (reason: string) => (events: WireEvents) => {
  events.onFrame(JSON.stringify({ type: 'retry', afterMs: 30_000, reason }))
  events.onClose('the connection was closed')
}

test('what the control plane refuses it for is told, once', () => {
  const { told, attempt } = bed()
  attempt((events) => events.onClose('connect ECONNREFUSED'))
  attempt((events) => events.onClose('connect ECONNREFUSED'))
  attempt(refusing('not the node n: unknown here, removed, or another key'))
  attempt(refusing('not the node n: unknown here, removed, or another key'))
  attempt((events) => events.onClose('connect ECONNREFUSED'))
  const refusal = 'the control plane refused: not the node n: unknown here, removed, or another key'
  expect(told).toEqual(['connect ECONNREFUSED', refusal, 'connect ECONNREFUSED'])
})

test.each([
  ['no JSON', 'it says what is not of this protocol'],
  ['{"type":"of the future"}', 'it says what is not of this protocol'],
  [
    JSON.stringify({
      ...{ type: 'welcome', signature: 'AAAA', heartbeatMs: 1_000, session: 's' },
      ...{ labels: {}, cordoned: false, nowMs: 0 },
    }),
    'whoever is there is not the control plane that this node joined',
  ],
])('whoever says %s is not the control plane, and that is told', (frame, why) => {
  const { told, attempt } = bed()
  attempt((events) => events.onFrame(frame))
  expect(told).toEqual([why])
})
