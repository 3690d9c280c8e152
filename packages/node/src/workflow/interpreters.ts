// Interpreters
//
// What scripts are run with on this machine: this very Node.js, and the Python that the path has.

import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { ScriptLanguage } from '@tutti/core/workflow'

const run = promisify(execFile)
const lookMs = 10_000 // a cold disk

export type Interpreters = Readonly<Partial<Record<ScriptLanguage, string>>>

/** The program of each language that is there, as an absolute path. */
export async function interpretersHere(): Promise<Interpreters> {
  const javascript = process.execPath
  try {
    const say = 'import sys; print(sys.executable)'
    const { stdout } = await run('python3', ['-I', '-c', say], { timeout: lookMs })
    const python = stdout.trim()
    return python === '' ? { javascript } : { javascript, python }
  } catch {
    return { javascript } // no Python here: scripts in it go to other nodes
  }
}
