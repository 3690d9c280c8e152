import fc from 'fast-check'
import { expect, test } from 'vitest'
import { PrefixIndex } from './prefix-index.ts'

/** Prompts of a few words: the hash of a block stands for all words up to it. */
const prompts = fc.array(fc.array(fc.integer({ min: 0, max: 2 }), { maxLength: 9 }), {
  maxLength: 40,
})
const blocksOf = (words: readonly number[]) =>
  words.map((_, i) => Number(`1${words.slice(0, i + 1).join('')}`))

test('what is matched is what was sent together and is not forgotten, from the beginning on (X1)', () => {
  fc.assert(
    fc.property(prompts, fc.integer({ min: 1, max: 30 }), (sent, generationMax) => {
      const index = new PrefixIndex(generationMax)
      let young = new Set<number>()
      let old = new Set<number>()
      for (const words of sent) {
        const blocks = blocksOf(words)
        const first = blocks.findIndex((block) => !young.has(block) && !old.has(block))
        expect(index.matched(blocks)).toBe(first === -1 ? blocks.length : first)
        index.add(blocks)
        for (const block of blocks) young.add(block)
        if (young.size >= generationMax) [old, young] = [young, new Set()]
      }
    }),
  )
})
