// Slot
//
// The versions of one model on a node: the one that answers, the one being prepared, and old ones kept
// loaded so that a rollback is a flip. This file decides where a version goes and which ones end;
// `ModelServer` drains and ends them.
//
// Invariants:
//   S1. A version is in exactly one place (active, staged, retained) from being staged until it ends.
//   S2. From its first activation to its deactivation a slot has an active version at every moment.
//   S3. A version ends once.

import { assert } from '../assert.ts'

export type Slot<Handle> =
  | {
      readonly phase: 'idle'
      readonly staged: Handle | null
      readonly retained: readonly Retained<Handle>[]
    }
  | {
      readonly phase: 'serving'
      readonly active: Handle
      readonly staged: Handle | null
      /** Latest first. */
      readonly retained: readonly Retained<Handle>[]
    }

export interface Retained<Handle> {
  readonly handle: Handle
  readonly sinceMs: number
}

export type SlotEvent<Handle> =
  | { readonly kind: 'staged'; readonly handle: Handle }
  | { readonly kind: 'activated'; readonly handle: Handle; readonly nowMs: number }
  | { readonly kind: 'discarded'; readonly handle: Handle }
  | { readonly kind: 'deactivated' }

export interface SlotPlan<Handle> {
  readonly slot: Slot<Handle>
  /** Versions that nobody keeps any more: to be drained, then ended. */
  readonly ends: readonly Handle[]
}

/** The slot of a model that nothing is known of. */
export function emptySlot<Handle>(): Slot<Handle> {
  return { phase: 'idle', staged: null, retained: [] }
}

export function decideSlot<Handle>(
  slot: Slot<Handle>,
  event: SlotEvent<Handle>,
  retainedMax: number,
): SlotPlan<Handle> {
  switch (event.kind) {
    case 'staged': {
      assert(!handlesOf(slot).includes(event.handle), 'a version is staged once')
      return { slot: { ...slot, staged: event.handle }, ends: present(slot.staged) }
    }
    case 'activated':
      return decideActivated(slot, event, retainedMax)
    case 'discarded':
      return handlesOf(slot).includes(event.handle)
        ? { slot: without(slot, event.handle), ends: [event.handle] }
        : { slot, ends: [] }
    case 'deactivated':
      return {
        slot: { phase: 'idle', staged: slot.staged, retained: [] },
        ends: [...activeOf(slot), ...slot.retained.map(({ handle }) => handle)],
      }
  }
}

/** The retained versions, oldest first, that must end for the rest to fit the budget. */
export function pickEvictions<Handle extends { readonly memoryBytes: number }>(
  slots: readonly Slot<Handle>[],
  budgetBytes: number,
): Handle[] {
  const oldestFirst = slots
    .flatMap((slot) => slot.retained)
    .sort((a, b) => a.sinceMs - b.sinceMs)
    .map(({ handle }) => handle)
  let bytes = oldestFirst.reduce((sum, handle) => sum + handle.memoryBytes, 0)
  return oldestFirst.filter((handle) => {
    const evict = bytes > budgetBytes
    if (evict) bytes -= handle.memoryBytes
    return evict
  })
}

/** Every version in the slot. */
export function handlesOf<Handle>(slot: Slot<Handle>): Handle[] {
  const retained = slot.retained.map(({ handle }) => handle)
  return [...activeOf(slot), ...present(slot.staged), ...retained]
}

function decideActivated<Handle>(
  slot: Slot<Handle>,
  event: { readonly handle: Handle; readonly nowMs: number },
  retainedMax: number,
): SlotPlan<Handle> {
  const { handle, nowMs } = event
  assert(handlesOf(slot).includes(handle), 'a version is staged before it is activated')
  const [before] = activeOf(slot)
  if (before === handle) return { slot, ends: [] }
  const { staged, retained } = without(slot, handle)
  const kept = before === undefined ? retained : [{ handle: before, sinceMs: nowMs }, ...retained]
  return {
    slot: { phase: 'serving', active: handle, staged, retained: kept.slice(0, retainedMax) },
    ends: kept.slice(retainedMax).map((old) => old.handle),
  }
}

function without<Handle>(slot: Slot<Handle>, handle: Handle): Slot<Handle> {
  const staged = slot.staged === handle ? null : slot.staged
  const retained = slot.retained.filter((old) => old.handle !== handle)
  if (slot.phase === 'idle' || slot.active === handle) return { phase: 'idle', staged, retained }
  return { ...slot, staged, retained }
}

function activeOf<Handle>(slot: Slot<Handle>): Handle[] {
  return slot.phase === 'serving' ? [slot.active] : []
}

function present<Handle>(handle: Handle | null): Handle[] {
  return handle === null ? [] : [handle]
}
