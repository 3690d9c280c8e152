// CLI bed
//
// The command line as a person uses it, for one file's tests: real processes, and a real control plane in a home of their own.

import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll } from 'vitest'
import { type RunningPart, runPart } from './home/index.ts'

export const main = fileURLToPath(new URL('../dist/main.js', import.meta.url))
export const folder = mkdtempSync(join(tmpdir(), 'tutti-cli-'))
export const home = join(folder, 'home')
/** What runs; it ends after the tests. */
export const parts: RunningPart[] = []

export interface Result {
  readonly status: number
  readonly out: string
  readonly err: string
}

/** Starts a control plane before a file's tests and ends it, and what else runs, after them. */
export function useControlPlane(): void {
  beforeAll(async () => {
    const args = ['control-plane', '--home', home, '--port', '0', '--log-level', 'warn']
    const part = { name: 'control-plane', args }
    parts.push(await runPart(part, join(folder, 'logs'), () => {}, new URL(`file://${main}`)))
  })
  afterAll(async () => {
    for (const part of parts) await part.stop()
    rmSync(folder, { recursive: true, force: true })
  })
}

export function tutti(...args: readonly string[]): Promise<Result> {
  return runNode([main, ...args])
}

/** With a clock that is behind by so much. */
export function tuttiLate(ms: number, ...args: readonly string[]): Promise<Result> {
  const shift = `const now = Date.now; Date.now = () => now() - ${ms}`
  return runNode(['--import', `data:text/javascript,${encodeURIComponent(shift)}`, main, ...args])
}

function runNode(args: readonly string[]): Promise<Result> {
  return new Promise((resolve) => {
    const env = { ...process.env, TUTTI_HOME: home }
    execFile(process.execPath, args, { env }, (error, out, err) => {
      const status = typeof error?.code === 'number' ? error.code : error === null ? 0 : 1
      resolve({ status, out: String(out), err: String(err) })
    })
  })
}

export function file(name: string, text: string): string {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}
