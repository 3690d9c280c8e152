import { availableParallelism } from 'node:os'
import { defaultExclude, defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

// CI asks for a report that can be counted.
const report = process.env['TUTTI_TEST_REPORT']

// Where nothing is known of former runs, Vitest begins with the largest files. Those that have whole fleets played are
// small, and the longest by far: begun last, they keep one process busy for minutes while the others have nothing to do.
const isLong = ({ moduleId }: TestSpecification) => /\/(conformance|testkit|tools)\//.test(moduleId)
const othersBetween = 3 // two fleets at once would have to share the machine

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files)
    const others = sorted.filter((file) => !isLong(file))
    const first = sorted
      .filter(isLong)
      .flatMap((long) => [long, ...others.splice(0, othersBetween)])
    return [...first, ...others]
  }
}

const core = ['packages/core/src/**/*.test.ts']
const all = ['{packages,examples,conformance,bench}/**/src/**/*.test.ts', 'tools/*.test.ts']

// Tests import the workspace's sources through the `tutti-source` export condition: no stale `dist`.
// (`source` alone would also load the sources of packages that ship theirs.)
export default defineConfig({
  resolve: { conditions: ['tutti-source'] },
  ssr: { resolve: { conditions: ['tutti-source'] } },
  test: {
    projects: [
      // What neither waits nor keeps anything needs no process for each file: half of its time went into loading the same.
      { extends: true, test: { name: 'core', include: core, isolate: false } },
      {
        extends: true,
        test: {
          ...{ name: 'all', include: all, exclude: [...core, ...defaultExclude] },
          sequence: { groupOrder: 1 },
        },
      },
    ],
    pool: 'forks',
    sequence: { sequencer: LongestFirst },
    maxWorkers: Math.max(3, availableParallelism() - 1), // a fifth of the time of two cores went into waiting
    // A machine that is busy with others is late by seconds, and takes three times as long.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 30_000 } },
    ...(report ? { reporters: ['default', 'json'], outputFile: { json: report } } : {}),
  },
})
