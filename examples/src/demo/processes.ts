// Processes
//
// The demo's child processes: started with their output in a file, ended by their own pid, none left behind.

import { type ChildProcess, spawn } from 'node:child_process'
import { openSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

const require = createRequire(import.meta.url)
const tutti = join(dirname(require.resolve('tutti/package.json')), 'dist/main.js')

export interface Running {
  readonly child: ChildProcess
  readonly log: string
}

const running = new Set<ChildProcess>() // ended all together when the demo ends

/** Starts `tutti ARGS` in the background, its output in `log`. */
export function startTutti(args: readonly string[], log: string): Running {
  return start(process.execPath, [tutti, ...args], log)
}

export function start(command: string, args: readonly string[], log: string): Running {
  const out = openSync(log, 'a')
  const child = spawn(command, [...args], { stdio: ['ignore', out, out] })
  running.add(child)
  child.once('exit', () => running.delete(child))
  return { child, log }
}

export interface Result {
  readonly status: number
  readonly out: string
}

/** Runs `tutti ARGS` to its end. */
export async function runTutti(args: readonly string[]): Promise<Result> {
  const child = spawn(process.execPath, [tutti, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  running.add(child)
  let out = ''
  child.stdout.on('data', (chunk) => (out += String(chunk)))
  child.stderr.on('data', (chunk) => (out += String(chunk)))
  const status = await ended(child)
  running.delete(child)
  return { status, out: out.trim() }
}

/** Resolves with the exit code; a signal counts as 1. */
export function ended(child: ChildProcess): Promise<number> {
  if (child.exitCode !== null) return Promise.resolve(child.exitCode)
  return new Promise((resolve) => child.once('exit', (code) => resolve(code ?? 1)))
}

/** Waits for a line of a log that matches; fails when the process ends first. */
export async function untilLogged(
  { child, log }: Running,
  pattern: RegExp,
): Promise<RegExpExecArray> {
  for (;;) {
    const match = pattern.exec(readFileSync(log, 'utf8'))
    if (match !== null) return match
    if (child.exitCode !== null || child.signalCode !== null) {
      throw new Error(
        `a process ended before it was ready:\n${readFileSync(log, 'utf8').slice(-800)}`,
      )
    }
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

/** Ends a process for good, as a power cut would. */
export async function kill({ child }: Running): Promise<void> {
  child.kill('SIGKILL')
  await ended(child)
}

/** Ends everything that the demo started. */
export async function stopAll(): Promise<void> {
  const all = [...running]
  for (const child of all) child.kill('SIGTERM')
  const force = setTimeout(() => {
    for (const child of all) child.kill('SIGKILL')
  }, 15_000)
  await Promise.all(all.map(ended))
  clearTimeout(force)
}
