// Where responses are kept without a control plane: in memory, and behind the process that stands in for one.

import { ExactNumber } from '@tutti/core/resource'
import { describe, expect, test } from 'vitest'
import { responseStoreContract } from '../../../core/src/routing/response-store.fixture.ts'
import { newFolder, snapshotOf } from '../gateway-world.fixture.ts'
import { remoteResponses } from '../routing/remote-responses.ts'
import { startFilePlane } from './file-plane.ts'
import { MemoryResponses } from './memory-responses.ts'

describe('in memory', () => {
  let now = 1_000_000
  const store = new MemoryResponses(() => now)
  responseStoreContract({
    store: () => store,
    nowMs: () => now,
    passMs: (ms) => {
      now += ms
    },
  })

  test('the oldest goes where there is too much', async () => {
    const small = new MemoryResponses(() => now, 1_000)
    const of = (letter: string) => ({
      ...{
        id: `resp_tutti_${letter.repeat(32)}`,
        project: 'p',
        route: 'r',
        expiresAtMs: now + 1,
      },
      ...{ items: [], response: { text: 'x'.repeat(300) } },
    })
    for (const letter of ['a', 'b', 'c']) await small.save(of(letter))
    expect(await small.load(of('a'))).toBeNull()
    expect(await small.load(of('c'))).not.toBeNull()
  })
})

test('M2: a response is kept no longer than its Route says by now', async () => {
  let [now, days] = [0, 30]
  const daysOf = (_: string, route: string) => (route === 'shorter' ? days : undefined)
  const store = new MemoryResponses(() => now, undefined, daysOf)
  const of = (letter: string, route: string) => ({
    ...{ id: `resp_tutti_${letter.repeat(32)}`, project: 'p', route, expiresAtMs: 2 ** 45 },
    ...{ items: [], response: {} },
  })
  const [own, other] = [of('a', 'shorter'), of('b', 'else')]
  for (const one of [own, other]) await store.save(one)
  now += 5 * 86_400_000
  expect(await store.load(own)).not.toBeNull()
  days = 1
  expect([await store.load(own), await store.load(other)]).toEqual([null, other])
})

test('M1: a Project that keeps much pushes out its own alone', async () => {
  const store = new MemoryResponses(() => 0, 2_000)
  const keep = async (project: string, n: number) => {
    const id = `resp_tutti_${String(n).padStart(32, '0')}`
    const of = { id, project, route: 'r', expiresAtMs: 1, items: [] }
    await store.save({ ...of, response: { text: 'x'.repeat(300) } })
    return of
  }
  const modest = await keep('modest', 0)
  for (let n = 1; n < 50; n++) await keep('greedy', n)
  const last = await keep('greedy', 50)
  expect(await store.load(modest)).not.toBeNull()
  expect(await store.load(last)).not.toBeNull()
  expect(await store.load({ ...last, id: `resp_tutti_${'1'.padStart(32, '0')}` })).toBeNull()
})

describe('of the process that stands in for a control plane', () => {
  test('keeps and gives back', async () => {
    const plane = await startFilePlane({ snapshot: snapshotOf({}), folder: newFolder() })
    const store = remoteResponses(plane.controlPlane)
    const one = {
      ...{ id: `resp_tutti_${'a'.repeat(32)}`, project: 'p', route: 'r', items: [] },
      ...{ expiresAtMs: 2 ** 45, response: { text: 'é\u0000' } },
    }
    await store.save(one)
    expect(await store.load(one)).toEqual(one)
    const large = new ExactNumber('12345678901234567890.5')
    const exact = { ...one, id: one.id.replace('a', 'b'), response: { large } }
    await store.save(exact)
    expect(await store.load(exact)).toEqual(exact)
    expect([await store.delete(one), await store.delete(one)]).toEqual([true, false])
    expect(await store.load(one)).toBeNull()
    await plane.stop()
    await expect(store.load(one)).rejects.toThrow()
  })
})
