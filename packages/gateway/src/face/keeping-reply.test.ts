// What passes through a reply that keeps, where nothing can be made of it.

import { expect, test } from 'vitest'
import type { Reply } from '../wire/index.ts'
import { KeepingReply } from './keeping-reply.ts'

test('a stream whose response can be neither kept nor said is cut, and nobody fails for it (R1)', async () => {
  const said: string[] = []
  const inner: Reply = {
    ...{ hasBegun: true, isGone: false, waitingBytes: 0 },
    ...{ header: () => {}, send: () => {}, begin: () => {}, onGone: () => {} },
    ...{ drained: async () => true, cutAfter: async () => {} },
    write: (bytes) => said.push(String(bytes)) > 0,
    end: () => void said.push('end'),
    destroy: () => void said.push('cut'),
  }
  const keeping = new KeepingReply(inner, {
    ...{ id: 'resp_1', previousId: null, isAsked: true, isNamed: false, isSealed: false },
    keep: () => Promise.reject(new RangeError('Maximum call stack size exceeded')),
  })
  keeping.write('data: {"type":"response.completed","response":{"status":"completed"}}\n\n')
  keeping.end()
  await new Promise((resolve) => setImmediate(resolve))
  expect(said).toEqual(['cut'])
})
