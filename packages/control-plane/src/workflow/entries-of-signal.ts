// Entries of signal
//
// What a signal is in the journal of the run that it came for.

import type { Entry } from '@tutti/core/workflow'
import type { ResidentRun } from './resident-run.ts'
import type { Signal } from './signal.ts'

export function entriesOf(
  { machine, isPaused }: Pick<ResidentRun, 'machine' | 'isPaused'>,
  signal: Signal,
  atMs: number,
): readonly Entry[] {
  switch (signal.kind) {
    case 'event':
      return machine
        .listenersFor(signal.event)
        .map((key) => ({ kind: 'event', atMs, key, event: signal.event }))
    case 'cancel':
      return [{ kind: 'cancelled', atMs, reason: signal.reason }]
    case 'pause':
      return isPaused ? [] : [{ kind: 'paused', atMs }]
    case 'resume':
      return isPaused ? [{ kind: 'resumed', atMs }] : []
    case 'start':
    case 'upgrade':
      return []
    case 'completed':
    case 'failed':
      return machine.waitsAt(signal.key) ? [{ ...signal, atMs }] : []
  }
}
