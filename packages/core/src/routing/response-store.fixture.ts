// Response store
//
// What every store of responses must do: run by each of them.

import { expect, test } from 'vitest'
import { exactJsonOf } from '../resource/index.ts'
import { type ResponseStore, type StoredResponse, storedText } from './stored-response.ts'

export interface StoreWorld {
  readonly store: () => ResponseStore
  /** Lets time pass for the store. */
  readonly passMs: (ms: number) => void
  readonly nowMs: () => number
}

export function responseStoreContract({ store, passMs, nowMs }: StoreWorld): void {
  let count = 0
  const one = (change: Partial<StoredResponse> = {}): StoredResponse => {
    count += 1
    return {
      id: `resp_tutti_${String(count).padStart(32, '0')}`,
      ...{ project: 'default', route: 'chat', expiresAtMs: nowMs() + 60_000 },
      items: [{ type: 'message', role: 'user', content: [{ type: 'input_text', text: 'hé 😀' }] }],
      response: { object: 'response', output: [], nested: { null: null, list: [1, 'two'] } },
      ...change,
    }
  }

  test('what is kept is given back as it was', async () => {
    const kept = one()
    await store().save(kept)
    expect(await store().load(kept)).toEqual(kept)
  })

  test('numbers that a double does not hold are given back as they were said', async () => {
    const number = '12345678901234567890.5'
    const said = exactJsonOf(`{"id":${number},"note":"n1"}`) as StoredResponse['response']
    const kept = one({ items: [said], response: { ...said, output: [said] } })
    await store().save(kept)
    const found = await store().load(kept)
    expect(found === null ? null : storedText(found)).toBe(storedText(kept))
    expect(storedText(kept)).toContain(number)
  })

  test('what is not there is null, and deleted by nobody', async () => {
    const nobody = one()
    expect(await store().load(nobody)).toBeNull()
    expect(await store().delete(nobody)).toBe(false)
  })

  test('another project neither reads nor deletes it', async () => {
    const kept = one()
    await store().save(kept)
    const other = { project: 'other', id: kept.id }
    expect(await store().load(other)).toBeNull()
    expect(await store().delete(other)).toBe(false)
    expect(await store().load(kept)).not.toBeNull()
  })

  test('two projects may hold the same id', async () => {
    const kept = one()
    const other = { ...kept, project: 'other', route: 'else' }
    await store().save(kept)
    await store().save(other)
    expect((await store().load(kept))?.route).toBe('chat')
    expect((await store().load(other))?.route).toBe('else')
  })

  test('the first that is kept stays', async () => {
    const kept = one()
    await store().save(kept)
    await store().save({ ...kept, route: 'later' })
    expect((await store().load(kept))?.route).toBe('chat')
  })

  test('what is deleted is gone', async () => {
    const kept = one()
    await store().save(kept)
    expect(await store().delete(kept)).toBe(true)
    expect(await store().load(kept)).toBeNull()
    expect(await store().delete(kept)).toBe(false)
  })

  test('what has run out is gone', async () => {
    const kept = one({ expiresAtMs: nowMs() + 1_000 })
    await store().save(kept)
    passMs(1_000)
    expect(await store().load(kept)).toBeNull()
    expect(await store().delete(kept)).toBe(false)
  })
}
