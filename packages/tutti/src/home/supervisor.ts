// Supervisor
//
// Runs the parts of `tutti up` as processes of their own, so that one that dies takes nobody along. A part
// that ends unasked is started again, with growing pauses.

import { type ChildProcess, fork } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { makeFolder, untilEnded } from '@tutti/machine'
import { Failure } from '../failure.ts'
import { cutLog } from './cut-log.ts'

export interface Part {
  readonly name: string
  readonly args: readonly string[]
  /** For `node`, before the program. */
  readonly flags?: readonly string[]
  /** For its environment, where that does not say otherwise. */
  readonly env?: Readonly<Record<string, string>>
}

export interface RunningPart {
  readonly name: string
  /** Where it answers. */
  readonly url: string
  /** It may end from now on: it is not started again. */
  readonly retire: () => void
  readonly stop: () => Promise<void>
}

const ownMain = new URL('../main.js', import.meta.url)
const pauseMsMax = 30_000
const logBytesMax = 64 * 2 ** 20 // and as many of before
const logLookMs = 60_000
const stopMs = 15_000 // a part drains for ten seconds at most

/** Starts one part and keeps it running; resolves when it answers. Throws `tutti/child-failed`. */
export async function runPart(
  part: Part,
  logFolder: string,
  onEvent: (line: string) => void,
  main: URL = ownMain,
): Promise<RunningPart> {
  makeFolder(logFolder)
  let isStopping = false
  let failures = 0
  let child: ChildProcess // written by `start` alone
  const startAgain = (how: string) => {
    if (isStopping || failures < 0) return
    failures += 1
    const pauseMs = Math.min(pauseMsMax, 250 * 2 ** Math.min(8, failures))
    onEvent(`${part.name} ended (${how}); starting it again in ${pauseMs} ms`)
    setTimeout(() => {
      if (isStopping) return
      start().then(
        () => (failures = 0),
        () => {}, // it ended, which is told on its own
      )
    }, pauseMs)
  }
  const start = async (): Promise<string> => {
    try {
      child = spawnPart(main, part, logFolder)
    } catch (error) {
      startAgain(String(error)) // of the system: there was no room for one more
      throw error
    }
    const current = child
    void untilEnded(current).then(startAgain)
    return await untilReady(part, current, logFolder)
  }
  failures = -1 // a part that never came up is the caller's to hear of
  const url = await start()
  failures = 0
  const log = join(logFolder, `${part.name}.log`)
  const looking = setInterval(() => cutLog(log, logBytesMax), logLookMs).unref()
  const retire = () => {
    isStopping = true
    clearInterval(looking)
  }
  const stop = async () => {
    retire()
    await stopChild(child)
  }
  return { name: part.name, url, retire, stop }
}

function spawnPart(main: URL, part: Part, logFolder: string): ChildProcess {
  const log = openLog(logFolder, part)
  const execArgv = [...(part.flags ?? [])]
  const env = { ...part.env, ...process.env }
  try {
    return fork(main, [...part.args], { execArgv, env, stdio: ['ignore', log, log, 'ipc'] })
  } finally {
    // the part has its own; who starts it again and again would run out of them
    if (log !== 'ignore') closeSync(log)
  }
}

/** A part without a log serves, which one that is not started does not. */
function openLog(folder: string, { name }: Part): number | 'ignore' {
  try {
    makeFolder(folder) // somebody may have taken it away
    return openSync(join(folder, `${name}.log`), 'a', 0o600)
  } catch {
    return 'ignore'
  }
}

function untilReady(part: Part, child: ChildProcess, logFolder: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = ''
    child.on('message', (message: unknown) => {
      if (typeof message !== 'object' || message === null) return
      if ('ready' in message) resolve(String(message.ready))
      if ('failed' in message) said = String(message.failed)
    })
    void untilEnded(child).then((how) => {
      const why = said === '' ? `it ended with ${how}` : said
      const where = join(logFolder, `${part.name}.log`)
      reject(new Failure('tutti/child-failed', `${part.name}: ${why} (log: ${where})`))
    })
  })
}

async function stopChild(child: ChildProcess): Promise<void> {
  const isThere = child.pid !== undefined && child.exitCode === null && child.signalCode === null
  if (!isThere) return
  const timer = setTimeout(() => child.kill('SIGKILL'), stopMs)
  child.kill('SIGTERM')
  await untilEnded(child)
  clearTimeout(timer)
}
