import fc from 'fast-check'
import { expect, test } from 'vitest'
import { growSample, plainEntries } from '../../samples/sample-log.ts'
import type { Checkpoint } from '../note/index.ts'
import { consistencyProof, treeRoot } from '../tile/index.ts'
import { decideWitness } from './index.ts'

const { readTile } = growSample(plainEntries(600))
const fork = growSample([...plainEntries(10), Buffer.from('another'), ...plainEntries(589)])

async function at(size: number, tiles = readTile): Promise<Checkpoint> {
  return { origin: 'log', size, root: await treeRoot(size, tiles), extensions: [] }
}

test('W1, W2: a witness follows a log as it grows, and never anything else', () =>
  fc.assert(
    fc.asyncProperty(fc.nat(600), fc.nat(600), async (a, b) => {
      const [seen, offered] = [await at(Math.min(a, b)), await at(Math.max(a, b))]
      const proof = await consistencyProof(seen.size, offered.size, readTile)
      expect(decideWitness({ seen, offered, proof })).toEqual({ ok: true, next: offered })
      if (seen.size < offered.size) {
        expect(decideWitness({ seen: offered, offered: seen, proof })).toEqual({
          ok: false,
          reason: 'shrunk',
        })
      }
      const other = await at(offered.size, fork.readTile)
      const forged = await consistencyProof(seen.size, other.size, fork.readTile)
      const decision = decideWitness({ seen, offered: other, proof: forged })
      // The two logs share their first ten entries: only up to there are they one log.
      expect(decision.ok).toBe(seen.size <= 10)
    }),
  ))

test('the first sight of a log is taken on trust', async () => {
  const offered = await at(5)
  expect(decideWitness({ seen: null, offered, proof: [] })).toEqual({ ok: true, next: offered })
  const proof = [offered.root]
  expect(decideWitness({ seen: null, offered, proof })).toMatchObject({ reason: 'not-consistent' })
})

test('same size and another root convicts the log', async () => {
  const [seen, offered] = [await at(20), await at(20, fork.readTile)]
  expect(decideWitness({ seen, offered, proof: [] })).toMatchObject({ reason: 'forked' })
})

test('an empty log has one root only', async () => {
  const offered = { ...(await at(0)), root: Buffer.alloc(32) }
  expect(decideWitness({ seen: null, offered, proof: [] })).toMatchObject({ reason: 'forked' })
})

test('another log is not this log', async () => {
  const offered = { ...(await at(5)), origin: 'other' }
  expect(decideWitness({ seen: await at(5), offered, proof: [] })).toMatchObject({
    reason: 'other-log',
  })
})
