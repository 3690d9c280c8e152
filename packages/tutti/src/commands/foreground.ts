// Foreground
//
// What the commands share that run one process in the foreground: where it listens, how it says that it answers, how it
// ends.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Command } from 'commander'
import { Failure } from '../failure.ts'
import { print, serveOn } from '../home/index.ts'
import { type SharedOptions, withShared } from './shared-options.ts'

export interface ListenOptions extends SharedOptions {
  readonly host: string
  readonly port: string
  readonly hostName?: readonly string[]
}

export function withListen(command: Command, port: number): Command {
  return withShared(command)
    .option('--host <address>', 'address to listen on', '127.0.0.1')
    .option('--port <port>', 'port to listen on; 0 takes any', String(port))
    .option(
      '--host-name <names...>',
      'names besides loopback ones that requests may be addressed to',
    )
}

const drainMsDefault = 10_000 // what a supervisor may count on

/**
 * Says where it answers, and stops cleanly on SIGTERM and SIGINT: what is under way has `drainMs`
 * to end. A second signal does not wait.
 *
 * A part or a worker ends when whoever started it says so: Ctrl-C and many supervisors tell all
 * processes at once, and that is not to be taken for a second signal.
 */
export function ready(
  name: string,
  url: string,
  stop: () => Promise<void>,
  drainMs = drainMsDefault,
): void {
  const isStarted = process.send !== undefined
  serveOn()
  let isStopping = false
  const end = () => {
    if (isStopping) return
    isStopping = true
    setTimeout(() => {
      process.stderr.write(`${name}: not all that was under way has ended in ${drainMs} ms\n`)
      process.exit(1)
    }, drainMs).unref()
    stop().then(
      () => process.exit(0),
      (error: unknown) => {
        process.stderr.write(`${String(error)}\n`)
        process.exit(1)
      },
    )
  }
  const hurry = () => (isStopping ? process.exit(1) : end())
  process.on('SIGTERM', isStarted ? end : hurry)
  process.on('SIGINT', isStarted ? () => {} : hurry)
  // Who started it is gone, and nobody would stop it.
  process.on('disconnect', hurry)
  // Last: who hears it may stop it at once.
  if (!isStarted) print(`${name} answers at ${url}`)
  else if (process.connected) process.send?.({ ready: url })
  else end()
}

export function readCredentials(home: string): {
  readonly admin: string
  readonly gateway: string
  /** Absent in homes that were made before workflows had a key of their own. */
  readonly workflow?: string
} {
  const path = join(home, 'credentials.json')
  try {
    const parsed: unknown = JSON.parse(readFileSync(path, 'utf8'))
    if (typeof parsed === 'object' && parsed !== null && 'admin' in parsed && 'gateway' in parsed) {
      const workflow = 'workflow' in parsed ? { workflow: String(parsed.workflow) } : {}
      return { admin: String(parsed.admin), gateway: String(parsed.gateway), ...workflow }
    }
  } catch {
    // said below, with what to do
  }
  const hint = 'give --key (a gateway takes it from TUTTI_GATEWAY_KEY, too), or restore the file'
  const message = `expected the first start's keys in ${path}: ${hint}`
  throw new Failure('tutti/no-context', message)
}
