// The log gives back what it was given, though it writes over its own records.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { overwriteRecord, RequestLog, type RequestRecord } from './request-log.ts'

const recordsMax = 10_000

const plain: RequestRecord = {
  ...{ atMs: 1, id: 'a', project: 'p', key: 'k', route: 'r', targets: ['t'], status: 200 },
  ...{ attempts: 1, ms: 0.5, inputTokens: 1, outputTokens: 2, cachedTokens: 0, costNanos: 3 },
  ...{ isEstimated: false, priceList: null },
}

test('a record that is written over an older one says what it said, and nothing of the older', () => {
  const required = [
    ...(['atMs', 'id', 'project', 'key', 'route', 'targets', 'status', 'attempts', 'ms'] as const),
    ...([
      'inputTokens',
      'outputTokens',
      'cachedTokens',
      'costNanos',
      'isEstimated',
      'priceList',
    ] as const),
  ]
  const record = fc.record(
    {
      ...{ atMs: fc.nat(), id: fc.string(), project: fc.constantFrom('p', 'q') },
      ...{ key: fc.string(), route: fc.string(), targets: fc.array(fc.string()), status: fc.nat() },
      ...{ attempts: fc.nat(), ms: fc.double(), inputTokens: fc.nat(), outputTokens: fc.nat() },
      ...{ cachedTokens: fc.nat(), costNanos: fc.option(fc.double()), isEstimated: fc.boolean() },
      priceList: fc.option(fc.string()),
      ...{ arm: fc.string(), cached: fc.constantFrom('exact', 'semantic') },
    },
    { noNullPrototype: true, requiredKeys: required },
  )
  fc.assert(
    fc.property(record, record, (older, newer) => {
      expect(overwriteRecord({ ...older }, newer)).toEqual(newer)
    }),
  )
})

test('who was told of a record keeps what it was told when the log goes on', () => {
  const log = new RequestLog(overwriteRecord)
  const followed: RequestRecord[] = []
  log.follow({ onRecord: (one) => followed.push(one), onEnd: () => {} })
  for (let i = 0; i <= recordsMax; i++) log.add({ ...plain, id: `r${i}` })
  const [kept] = log.newest('p', 1)
  const found = log.find('p', 'r1')
  for (let i = 0; i <= recordsMax; i++) log.add({ ...plain, id: `s${i}` })
  expect(kept?.id).toBe(`r${recordsMax}`)
  expect(found?.id).toBe('r1')
  expect(followed.map(({ id }) => id).slice(0, 2)).toEqual(['r0', 'r1'])
  expect(followed[recordsMax + 1]?.id).toBe('s0')
  expect(log.newest('p', 2).map(({ id }) => id)).toEqual([`s${recordsMax - 1}`, `s${recordsMax}`])
  expect(log.newest('p', 0)).toEqual([])
  expect(log.find('p', 'r0')).toBeNull()
})
