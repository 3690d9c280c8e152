import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Json } from '../../resource/index.ts'
import { agreeUpTo, decide, type Entry, prepareWorkflow } from './index.ts'
import { document, play } from './world.fixture.ts'

const surroundings = { secrets: {}, runtime: { name: 'tutti', version: '0.1.0' } }

function programOf(source: Json) {
  const prepared = prepareWorkflow(source)
  if (!prepared.ok) throw new Error(JSON.stringify(prepared.findings))
  return prepared.program
}

function agree(before: unknown[], after: unknown[], journal: readonly Entry[]) {
  const [old, next] = [programOf(document(before)), programOf(document(after))]
  const agreement = agreeUpTo(old, next, journal, surroundings)
  if (!agreement.agrees) return agreement.task
  // What is under way is what the new document waits for: nothing is lost, nothing is asked for twice.
  expect(agreement.machine.waiting).toEqual(decide(old, journal, surroundings).commands)
  return null
}

const set = (value: string) => ({ set: { value } })
const call = (path: string) => ({
  call: 'http',
  with: { method: 'get', endpoint: `http://h/${path}` },
})
const leaf = fc.oneof(
  fc.constantFrom('a', 'b').map(set),
  fc.constantFrom('a', 'b').map(call),
  fc.constant({ wait: { seconds: 1 } }),
)
const task = fc.oneof(
  leaf,
  fc.array(leaf, { minLength: 1, maxLength: 3 }).map((tasks) => ({ do: named(tasks) })),
  leaf.map((one) => ({ for: { in: '[1, 2]' }, do: named([one]) })),
)
const named = (tasks: readonly object[]) => tasks.map((one, i) => ({ [`t${i}`]: one }))

test('property U1, U2: what has begun must be the same; what comes later may be anything', () => {
  const tasks = fc.array(task, { minLength: 1, maxLength: 5 })
  fc.assert(
    fc.property(tasks, fc.nat(), fc.nat(), leaf, (list, cut, at, other) => {
      const before = named(list)
      const { journal } = play(document(before), {})
      const kept = journal.slice(0, 1 + (cut % Math.max(1, journal.length - 1)))
      const open = decide(programOf(document(before)), kept, surroundings).commands
      const current = Number(/^\/do\/(\d+)/.exec(firstKey(open))?.[1] ?? list.length)
      const index = at % list.length
      const after = named(list.map((one, i) => (i === index ? other : one)))
      const isChanged = JSON.stringify(after) !== JSON.stringify(before)
      const verdict = agree(before, after, kept)
      if (!isChanged || index > current) expect(verdict).toBeNull()
      else if (index < current) expect(verdict).toMatch(new RegExp(`^/do/${index}/t${index}`))
    }),
  )
})

function firstKey(commands: ReturnType<typeof decide>['commands']): string {
  const [first] = commands
  return first !== undefined && 'key' in first ? first.key : ''
}

test('a task under way may change in what comes later in it, and not in what was asked for', () => {
  const before = [{ out: { ...call('a'), output: { as: '.x' } } }, { end: set('a') }]
  const { journal } = play(document(before), {}, { act: () => 'never' })
  expect(agree(before, [{ out: { ...call('a'), output: { as: '.y' } } }], journal)).toBeNull()
  expect(agree(before, [{ out: call('b') }], journal)).toBe('/do/0/out')
  expect(agree(before, [{ first: set('x') }, ...before], journal)).toBe('/do/0/out')
})

test('U2: how a task that has ended is undone counts, and so does the context', () => {
  const step = (undo: string) => ({
    ...call('a'),
    metadata: { tutti: { undo: [{ u: set(undo) }] } },
  })
  const saga = (undo: string) => [
    { s: { call: 'tutti.compensate', with: { do: [{ a: step(undo) }, { b: call('b') }] } } },
  ]
  const act = (_: unknown, key: string) => (key.endsWith('b') ? 'never' : { output: 1 })
  const { journal } = play(document(saga('x')), {}, { act })
  expect(agree(saga('x'), saga('y'), journal)).toBe('/do/0/s/with/do/0/a')
  const exporting = (as: string) => [
    { c: { do: [{ a: call('a') }, { w: call('b') }], input: { from: as } } },
  ]
  const inside = play(document(exporting('.')), {}, { act: () => 'never' })
  expect(agree(exporting('.'), exporting('{x: 1}'), inside.journal)).toBeNull()
  // What was exported counts, though nobody has used it yet.
  const sharing = (from: string) => [
    {
      c: {
        input: { from },
        do: [{ a: { ...call('a'), export: { as: '$input' } } }, { b: call('b') }],
      },
    },
  ]
  const shared = play(document(sharing('{x: 1}')), {}, { act })
  expect(agree(sharing('{x: 1}'), sharing('{x: 2}'), shared.journal)).toBe('/do/0/c/do/0/a')
})
