// Kill hook
//
// Loaded before a process's own code (`node --import`), it finds the points at which to kill it: every
// statement that changes the database, before it is sent and once it is; every file that is renamed, flushed
// or begun; every state that a node reports. Nothing of it is in the product: whoever can set another
// process's NODE_OPTIONS can kill it anyway.
//
// `armed` in the folder says at which point: {run, at}. Points are counted from 1 in each run and listed in
// `seen`; `at` is a number, or the name of a point. The process kills itself there with SIGKILL: no handler runs, nothing is flushed.

import { createRequire, syncBuiltinESMExports } from 'node:module'
import type { Socket } from 'node:net'
import { join } from 'node:path'

const require = createRequire(import.meta.url)
const fs: typeof import('node:fs') = require('node:fs')
const net: typeof import('node:net') = require('node:net')
const { existsSync, readFileSync, appendFileSync } = fs
const folder = process.env['TUTTI_KILL_FOLDER'] ?? ''
const armed = join(folder, 'armed')

let run = '' // `point` writes, as the next one
let count = 0

/** Something that lasts is about to be done, or has just been. */
function point(name: string): void {
  const said = orders()
  if (said === null) return
  if (said.run !== run) {
    run = said.run
    count = 0
  }
  count += 1
  appendFileSync(join(folder, 'seen'), `${name}\n`)
  if (said.at === count || said.at === name) process.kill(process.pid, 'SIGKILL')
}

interface Orders {
  readonly run: string
  readonly at: number | string
}

function orders(): Orders | null {
  if (!existsSync(armed)) return null
  try {
    return JSON.parse(readFileSync(armed, 'utf8'))
  } catch {
    return null // it was taken back, or is being written
  }
}

function watchFiles(): void {
  const { renameSync, fsyncSync } = fs
  fs.renameSync = (from, to) => {
    point(`rename ${nameOf(to)}`)
    renameSync(from, to)
    point(`renamed ${nameOf(to)}`)
  }
  fs.fsyncSync = (file) => {
    fsyncSync(file)
    point('flushed')
  }
  const { rename, open } = fs.promises
  fs.promises.rename = async (from, to) => {
    point(`rename ${nameOf(to)}`)
    await rename(from, to)
    point(`renamed ${nameOf(to)}`)
  }
  fs.promises.open = async (path, flags, mode) => {
    const file = await open(path, flags, mode)
    if (flags === 'a') point(`begun ${nameOf(path)}`)
    return file
  }
  syncBuiltinESMExports()
}

/** Without what is another one every time. */
function nameOf(path: unknown): string {
  const name = String(path).split('/').at(-1) ?? ''
  return /^[0-9a-f]{64}/.test(name) ? `a blob${name.slice(64)}` : name
}

const changing = /^\s*(insert|update|delete|commit|with)\b(?:\s+(?:into|from)?\s*(\w+))?/i

/** Statements on the way to Postgres, by its frontend protocol. */
function watchDatabase(): void {
  const isDatabase = new WeakSet<Socket>()
  const prepared = new WeakMap<Socket, Map<string, string>>()
  const { connect, write } = net.Socket.prototype
  net.Socket.prototype.connect = function (this: Socket, ...args: unknown[]): Socket {
    if (JSON.stringify(args).includes('.s.PGSQL')) {
      isDatabase.add(this)
      prepared.set(this, new Map())
    }
    return Reflect.apply(connect, this, args)
  }
  net.Socket.prototype.write = function (this: Socket, ...args: unknown[]): boolean {
    const [bytes] = args
    const isOurs = isDatabase.has(this) && Buffer.isBuffer(bytes)
    const names = isOurs ? changesIn(bytes, prepared.get(this) ?? new Map()) : []
    for (const name of names) point(name)
    const result: boolean = Reflect.apply(write, this, args)
    if (names.length > 0) point(`sent ${names.at(-1)}`)
    return result
  }
}

function changesIn(bytes: Buffer, statements: Map<string, string>): string[] {
  const changes: string[] = []
  const look = (sql: string) => {
    const match = changing.exec(sql)
    if (match !== null) changes.push(`${match[1]?.toLowerCase()} ${match[2] ?? ''}`.trim())
  }
  for (let at = 0; at + 5 <= bytes.length; ) {
    const kind = String.fromCharCode(bytes[at] ?? 0)
    const end = at + 1 + bytes.readUInt32BE(at + 1)
    if (!/[A-Za-z]/.test(kind) || end > bytes.length) break // a start-up message, or a part
    const [first = '', second = ''] = bytes
      .subarray(at + 5, end)
      .toString('latin1')
      .split('\0')
    if (kind === 'Q') look(first)
    if (kind === 'P') statements.set(first, second)
    if (kind === 'B') look(statements.get(second) ?? '')
    at = end
  }
  return changes
}

/** Every state that a node reports passes here as an object, and is sent in the same turn. */
function watchStates(): void {
  const { stringify } = JSON
  JSON.stringify = (value: unknown, ...more: []) => {
    if (isStatus(value)) {
      for (const { state } of value.reports) {
        point(`state ${state.phase}`)
        setImmediate(() => point(`said ${state.phase}`)) // sent: somebody may have heard it
      }
    }
    return stringify(value, ...more)
  }
}

interface Status {
  readonly reports: readonly { readonly state: { readonly phase: string } }[]
}

function isStatus(value: unknown): value is Status {
  return typeof value === 'object' && value !== null && 'type' in value && value.type === 'status'
}

if (folder !== '') {
  watchFiles()
  watchDatabase()
  watchStates()
}
