import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  decideSlot,
  emptySlot,
  handlesOf,
  pickEvictions,
  type Slot,
  type SlotEvent,
} from './slot.ts'

interface Version {
  readonly id: number
  readonly memoryBytes: number
}

test('S1, S3: a version is in one place until it ends, and ends once', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.tuple(fc.constantFrom('staged', 'activated', 'discarded', 'deactivated'), fc.nat(5)),
      ),
      fc.nat(3),
      (script, retainedMax) => {
        let slot: Slot<Version> = emptySlot()
        const made: Version[] = []
        const ended: Version[] = []
        for (const [step, [kind, pick]] of script.entries()) {
          const event = eventOf(kind, slot, { step, pick })
          if (event === null) continue
          if (event.kind === 'staged') made.push(event.handle)
          const plan = decideSlot(slot, event, retainedMax)
          if (
            slot.phase === 'serving' &&
            event.kind !== 'deactivated' &&
            event.kind !== 'discarded'
          ) {
            expect(plan.slot.phase).toBe('serving') // S2
          }
          slot = plan.slot
          ended.push(...plan.ends)
          const everywhere = [...handlesOf(slot), ...ended]
          expect(new Set(everywhere).size).toBe(everywhere.length)
          expect(everywhere.length).toBe(made.length)
          expect(slot.retained.length).toBeLessThanOrEqual(retainedMax)
        }
      },
    ),
  )
})

test('a rollback is an activation of the version before', () => {
  const [one, two] = [version(1), version(2)]
  const serving = activate(stage(activate(stage(emptySlot(), one), one), two), two)
  expect(serving).toMatchObject({ active: two, retained: [{ handle: one }] })
  expect(activate(serving, one)).toMatchObject({ active: one, retained: [{ handle: two }] })
})

test('the oldest retained versions go first, and only as many as must', () => {
  const slots = [3, 1, 2].map((sinceMs) => ({
    phase: 'idle' as const,
    staged: null,
    retained: [{ handle: { id: sinceMs, memoryBytes: 10 }, sinceMs }],
  }))
  expect(pickEvictions(slots, 30)).toEqual([])
  expect(pickEvictions(slots, 29).map(({ id }) => id)).toEqual([1])
  expect(pickEvictions(slots, 5).map(({ id }) => id)).toEqual([1, 2, 3])
})

function eventOf(
  kind: string,
  slot: Slot<Version>,
  { step, pick }: { step: number; pick: number },
): SlotEvent<Version> | null {
  if (kind === 'staged') return { kind, handle: version(step) }
  if (kind === 'deactivated') return { kind }
  const handles = handlesOf(slot)
  const handle = handles[pick % Math.max(1, handles.length)]
  if (handle === undefined) return null
  return kind === 'activated' ? { kind, handle, nowMs: step } : { kind: 'discarded', handle }
}

function version(id: number): Version {
  return { id, memoryBytes: 1 }
}

function stage(slot: Slot<Version>, handle: Version): Slot<Version> {
  return decideSlot(slot, { kind: 'staged', handle }, 1).slot
}

function activate(slot: Slot<Version>, handle: Version): Slot<Version> {
  return decideSlot(slot, { kind: 'activated', handle, nowMs: 0 }, 1).slot
}
