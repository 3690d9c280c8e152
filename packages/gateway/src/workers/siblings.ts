// Siblings
//
// The other workers, as one of them hears and tells them: through the process that started all.

import type { Server } from 'node:http'
import type { Limiter, RelayDoor } from '../routing/index.ts'
import type { RunningCalls } from '../tools/index.ts'
import { type Doors, openDoor } from './doors.ts'
import { mayBeGone, parseWorkerMessage } from './worker-message.ts'

// So much of a key's limit may be used twice over: what came elsewhere in that time.
const tellMs = 100
const quietMax = 10 // a second: one that has just started hears by then what was said before

export interface Shared {
  readonly limiter: Limiter
  /** Who takes a call of a tool back may have come to another worker. */
  readonly tools: { readonly calls: RunningCalls }
  readonly relays: RelayDoor
  readonly doors: Doors
  /** Answers what the others ask. */
  readonly server: Server
  readonly log: (event: string, fields: Readonly<Record<string, unknown>>) => void
}

/** Keeps these in step with the other workers; what comes back ends it. */
export async function joinSiblings(shared: Shared): Promise<() => void> {
  const { limiter, tools, relays, doors } = shared
  if (doors.place === 0) return () => {} // it has none
  const { calls } = tools
  calls.onElsewhere = (call) => {
    tellPrimary({ kind: 'taken-back', call })
  }
  const door = await openDoor(shared.server)
  const hasDoor = typeof door !== 'string'
  // It serves without: the others answer for all but what this one alone knows.
  if (!hasDoor) shared.log('the other workers cannot ask this one', { reason: door })
  const tellDoor = () => {
    if (hasDoor) tellPrimary({ kind: 'door', url: door.url })
  }
  const hear = (message: unknown) => {
    const said = parseWorkerMessage(message)
    if (said?.kind === 'used') limiter.hear(said.from, said.uses)
    if (said?.kind === 'taken-back') calls.hear(said.call)
    if (said?.kind === 'relays') relays.hear(said.from, said.urls)
    // Who has just come hears in turn where this one is asked.
    if (said?.kind === 'door' && doors.hear(said.from, said.url)) tellDoor()
    if (said?.kind !== 'gone') return
    limiter.forget(said.from)
    relays.forget(said.from)
    doors.forget(said.from)
  }
  let toldRelays = '' // the last list
  let quiet = 0
  const telling = setInterval(() => {
    const uses = limiter.news()
    if (!process.connected) return
    if (uses.length > 0) tellPrimary({ kind: 'used', uses })
    const urls = relays.news()
    const list = JSON.stringify(urls)
    const isTime = quiet % quietMax === 0
    if (isTime) tellDoor()
    quiet += 1
    if (list === toldRelays && (!isTime || list === '{}')) return
    toldRelays = list
    tellPrimary({ kind: 'relays', urls })
  }, tellMs).unref()
  process.on('message', hear)
  return () => {
    clearInterval(telling)
    process.removeListener('message', hear)
    if (hasDoor) door.close()
  }
}

function tellPrimary(message: object): void {
  if (process.connected) process.send?.(message, mayBeGone)
}
