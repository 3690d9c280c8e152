import { expect, test } from 'vitest'
import { pickThreads } from './pick-threads.ts'

test.each([
  { wanted: 3, cores: 2, load: 9, threads: 3 },
  { wanted: null, cores: 4, load: 0.2, threads: 3 },
  { wanted: null, cores: 4, load: 12, threads: 1 },
  { wanted: null, cores: 128, load: 1, threads: 8 },
])('$wanted wanted, $cores cores, load $load: $threads', ({ threads, ...facts }) => {
  expect(pickThreads(facts)).toBe(threads)
})
