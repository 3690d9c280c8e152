// Entries of signal
//
// What a signal is in the journal of the run that it came for.

import type { Entry, Machine } from '@tutti/core/workflow'
import type { Signal } from './signal.ts'

export function entriesOf(machine: Machine, signal: Signal, atMs: number): readonly Entry[] {
  switch (signal.kind) {
    case 'event':
      return machine
        .listenersFor(signal.event)
        .map((key) => ({ kind: 'event', atMs, key, event: signal.event }))
    case 'cancel':
      return [{ kind: 'cancelled', atMs, reason: signal.reason }]
    case 'start':
    case 'resume':
    case 'pause':
    case 'upgrade':
      return []
    case 'completed':
    case 'failed':
      return machine.waitsAt(signal.key) ? [{ ...signal, atMs }] : []
  }
}
