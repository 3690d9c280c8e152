import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'

// CI asks for a report that can be counted.
const report = process.env['TUTTI_TEST_REPORT']

// Tests import the workspace's sources through the `tutti-source` export condition: no stale `dist`.
// (`source` alone would also load the sources of packages that ship theirs.)
export default defineConfig({
  resolve: { conditions: ['tutti-source'] },
  ssr: { resolve: { conditions: ['tutti-source'] } },
  test: {
    include: ['{packages,examples,conformance,bench}/**/src/**/*.test.ts', 'tools/*.test.ts'],
    pool: 'forks',
    maxWorkers: Math.max(2, availableParallelism() - 1), // much of a test is waiting for processes
    testTimeout: 60_000,
    hookTimeout: 60_000,
    ...(report ? { reporters: ['default', 'json'], outputFile: { json: report } } : {}),
  },
})
