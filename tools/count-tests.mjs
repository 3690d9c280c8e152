// Count tests
//
// Prints the closing line of CI from vitest's JSON report: `N passed, N failed, N skipped`.

import { existsSync, readFileSync } from 'node:fs'

const path = process.argv[2] ?? ''
if (!existsSync(path)) {
  console.log('0 passed, 1 failed')
  process.exit(0)
}
const { numPassedTests, numFailedTests, numPendingTests, numFailedTestSuites } = JSON.parse(
  readFileSync(path, 'utf8'),
)
// A file that does not even load fails without a failed test.
const failed = Math.max(numFailedTests, numFailedTestSuites > 0 ? 1 : 0)
console.log(`${numPassedTests} passed, ${failed} failed, ${numPendingTests} skipped`)
