// Watch process
//
// A program that runs for a workflow, within bounds.
//
//   E2. Past its time, memory or output it is ended, with all that is in its process group, and its outcome says so.

import { type ChildProcess, spawn } from 'node:child_process'
import { readdir, readFile } from 'node:fs/promises'
import type { ProcessOutcome } from '@tutti/core/workflow'

export interface ProcessLimits {
  readonly timeMs: number
  readonly memoryBytes: number
  /** Of standard output and standard error, each. */
  readonly outputBytes: number
}

export const limitsDefault: ProcessLimits = {
  timeMs: 300_000, // longer work is several steps, or a service
  memoryBytes: 1024 * 2 ** 20,
  outputBytes: 1_048_576, // more is an artifact
}

const lookMs = 250 // what memory is used; Linux alone says it
const closeMs = 1_000 // what it said is read in milliseconds
const pageBytes = 4_096

export interface Watched {
  /** All that it finds in its environment. */
  readonly env: Readonly<Record<string, string>>
  readonly folder: string
  readonly stdin: string | null
  readonly limits: ProcessLimits
  /** Ends it. */
  readonly signal: AbortSignal
  /** Whether its memory is looked at here; else somebody else bounds it. */
  readonly isMeasured: boolean
  /** Called when it is ended before its time. */
  readonly onEnd: () => void
}

/** Runs a program to its end, or to that of its limits. */
export function watchProcess(
  [program, ...words]: readonly [string, ...string[]],
  { env, folder, stdin, limits, signal, isMeasured, onEnd }: Watched,
): Promise<ProcessOutcome> {
  const child = spawn(program, words, { cwd: folder, env, detached: true, stdio: 'pipe' })
  let failure: string | null = null // the first reason counts; `end` writes
  const end = (reason: string) => {
    if (failure === null) onEnd()
    failure ??= reason
    killGroup(child) // E2
  }
  const onAbort = () => end('it is not wanted any more')
  const clock = setTimeout(() => end(`it took more than ${limits.timeMs} ms`), limits.timeMs)
  const look = setInterval(() => {
    if (!isMeasured) return
    memoryOf(child.pid).then((bytes) => {
      if (bytes > limits.memoryBytes) end(`it took more than ${limits.memoryBytes} bytes of memory`)
    }, ignore)
  }, lookMs)
  signal.addEventListener('abort', onAbort)
  if (signal.aborted) onAbort()
  const stdout = gather(child.stdout, limits.outputBytes, end)
  const stderr = gather(child.stderr, limits.outputBytes, end)
  child.stdin.on('error', ignore) // it need not read what it is given
  child.stdin.end(stdin ?? '')
  return new Promise((resolve) => {
    let isSettled = false // `settle` writes: later the number of the group may be another's
    const settle = (code: number | null) => {
      if (isSettled) return
      isSettled = true
      clearTimeout(clock)
      clearInterval(look)
      signal.removeEventListener('abort', onAbort)
      killGroup(child) // what it left behind
      const ended = failure ?? (code === null ? 'it was ended by a signal' : null)
      resolve({ code: failure === null ? code : null, ...textsOf(stdout, stderr), failure: ended })
    }
    child.on('error', (error) => {
      failure ??= `it did not begin: ${error.message}`
      settle(null)
    })
    child.on('close', (code) => settle(code)) // all that it said is here
    child.on('exit', (code) => {
      killGroup(child) // who holds its output open ends with it
      setTimeout(settle, closeMs, code).unref() // or has left the group
    })
  })
}

function ignore(): void {}

function textsOf(stdout: readonly Buffer[], stderr: readonly Buffer[]) {
  const text = (parts: readonly Buffer[]) => Buffer.concat(parts).toString('utf8')
  return { stdout: text(stdout), stderr: text(stderr) }
}

function gather(
  stream: NodeJS.ReadableStream,
  bytesMax: number,
  end: (reason: string) => void,
): readonly Buffer[] {
  const parts: Buffer[] = []
  let bytes = 0
  stream.on('data', (part: Buffer) => {
    bytes += part.length
    if (bytes <= bytesMax) parts.push(part)
    else end(`it says more than ${bytesMax} bytes`)
  })
  return parts
}

function killGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // nobody of the group is left
  }
}

/** Of the process and all that it started; 0 where the system does not say. */
async function memoryOf(group: number | undefined): Promise<number> {
  if (group === undefined || process.platform !== 'linux') return 0
  const names = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  let bytes = 0
  for (const name of names) {
    const text = await readFile(`/proc/${name}/stat`, 'utf8').catch(() => '')
    // After the name in brackets, which may hold anything: state, parent, group … and pages, the 22nd.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    if (Number(fields[2]) === group) bytes += Number(fields[21]) * pageBytes
  }
  return bytes
}
