// tutti logs: what the parts of tutti up say.

import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Command } from 'commander'
import { Failure } from '../failure.ts'
import { homeFolder, LogTail } from '../home/index.ts'
import { countOf } from './option-values.ts'
import { type SharedOptions, withExamples, withShared } from './shared-options.ts'

interface LogsOptions extends SharedOptions {
  readonly follow?: boolean
  readonly tail: string
}

const lookMs = 200 // soon enough for who reads along
const ending = '.log'

export function addLogs(program: Command): void {
  const command = withShared(program.command('logs'))
    .argument('[part]', 'control-plane, gateway or node; default: all')
    .option('-f, --follow', 'go on as lines come')
    .option('--tail <lines>', 'lines from the end', '100')
    .description('show the logs of tutti up’s parts')
  withExamples(command, 'tutti logs gateway --follow')
  command.action(async (part: string | undefined, options: LogsOptions) => {
    const tail = options.tail === '0' ? 0 : countOf('--tail', options.tail)
    const folder = join(homeFolder(options), 'logs')
    const tails = new Map<string, LogTail>()
    const open = (name: string, lines: number, isOne: boolean) => {
      const path = join(folder, `${name}${ending}`)
      const prefix = isOne ? '' : `${name}: `
      tails.set(name, new LogTail(path, lines, (line) => void writeLine(prefix, line)))
    }
    const names = namesOf(folder, part)
    for (const name of names) open(name, tail, names.length === 1)
    for (const one of tails.values()) one.readOn()
    while (options.follow === true) {
      await delay(lookMs)
      const fresh = part === undefined ? logsIn(folder).filter((name) => !tails.has(name)) : []
      for (const name of fresh) open(name, Number.POSITIVE_INFINITY, false)
      for (const one of tails.values()) one.readOn()
    }
    for (const one of tails.values()) one.close()
  })
}

/** Those that are asked for; throws where there is none. */
function namesOf(folder: string, part: string | undefined): readonly string[] {
  const all = logsIn(folder)
  if (part === undefined && all.length > 0) return all
  if (part !== undefined && existsSync(join(folder, `${part}${ending}`))) return [part]
  const message =
    part === undefined
      ? `no logs in ${folder}: tutti up writes them (--home says where)`
      : `no log of ${part} in ${folder}: there is ${all.join(', ') || 'none'}`
  throw new Failure('tutti/argument-invalid', message)
}

function logsIn(folder: string): readonly string[] {
  if (!existsSync(folder)) return []
  const names = readdirSync(folder).filter((name) => name.endsWith(ending))
  return names.map((name) => name.slice(0, -ending.length))
}

function writeLine(prefix: string, line: Buffer): void {
  process.stdout.write(Buffer.concat([Buffer.from(prefix), line, Buffer.from('\n')]))
}
