// Take home
//
// One `tutti up`, or one control plane of its own, for each home: a second one, on other ports, would share the first one's database,
// end it with its own end, and write its own gateway over the one that commands ask. And one node for each folder of a node: two of one
// identity would take the connection from each other for ever.
//
// Who has the folder has a mark in it. A mark says which process that is and when that began: a number alone comes again, in a container
// at each start. Marks of processes that ended are left by kill -9, and to take one away is not to take another one's that has come
// in its place meanwhile. So marks are numbered, and nobody writes over one.
//
// A part whose `tutti up` was killed ends by itself once it has answered what is under way: it is waited for, and killed where it
// does not end, as one that was stopped (SIGSTOP) or hangs; it would be started again the same way after a power cut.
//
// Invariants:
//   H1. A mark is there as a whole or not at all: it is written elsewhere, and linked.
//   H2. Who has seen no other's mark after its own was there has the home: of two that look, the later one sees both.
//   H3. Of those who saw the same marks one makes the next number, and the others look again.

import { spawnSync } from 'node:child_process'
import { linkSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { makeFolder } from '@tutti/machine'
import { Failure } from '../failure.ts'

interface Mark {
  readonly number: number
  readonly path: string
  readonly pid: number
  readonly began: string
  /** What runs there. */
  readonly command: string
  /** The process that started it and ends it, with when that began; empty where nobody does. */
  readonly parent: string
}

/** Until this process ends the folder is its own, or its parent's. Throws `tutti/home-taken`. */
export function takeHome(
  folder: string,
  command: 'up' | 'control-plane' | 'node',
  orphanMs = orphanMsMax,
): void {
  makeFolder(folder, 0o700)
  if (marksIn(folder).some((mark) => mark.pid === process.ppid && isAlive(mark))) return
  awaitOrphan(folder, orphanMs)
  const parent = process.send === undefined ? '' : `${process.ppid}@${beganAt(process.ppid)}`
  const path = leaveMark(folder, `${process.pid} ${beganAt(process.pid)} ${command} ${parent}`)
  process.on('exit', () => rmSync(path, { force: true }))
}

const orphanMsMax = 12_000 // it answers for ten seconds at most
const killedMsMax = 5_000 // the system takes its memory back first
const lookMs = 50

/** Holds up this process, which has begun nothing yet. */
function awaitOrphan(folder: string, msMax: number): void {
  const orphan = marksIn(folder).find((mark) => isAlive(mark) && isOrphan(mark))
  if (orphan === undefined) return
  const { command, pid } = orphan
  process.stderr.write(`tutti: waiting for tutti ${command}, process ${pid}, which ends\n`)
  awaitEnd(orphan, msMax)
  if (!isAlive(orphan)) return
  process.stderr.write(`tutti: it does not end: killing process ${pid}\n`)
  try {
    process.kill(pid, 'SIGKILL')
    awaitEnd(orphan, killedMsMax)
  } catch {
    // Another user's: that it is here still is said below.
  }
}

function awaitEnd(mark: Mark, msMax: number): void {
  for (let waitedMs = 0; waitedMs < msMax && isAlive(mark); waitedMs += lookMs) {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, lookMs)
  }
}

function isOrphan({ parent }: Mark): boolean {
  const [pid, began] = parent.split('@')
  return parent !== '' && beganAt(Number(pid)) !== began
}

function leaveMark(folder: string, own: string): string {
  const draft = join(folder, `taking.${process.pid}`)
  try {
    writeFileSync(draft, own, { mode: 0o600 })
    for (;;) {
      const marks = marksIn(folder)
      refuseTaken(folder, marks)
      const number = 1 + Math.max(0, ...marks.map((mark) => mark.number))
      const path = join(folder, `taken.${number}`)
      if (!isLinked(draft, path)) continue // H3
      const others = marksIn(folder).filter((mark) => mark.number !== number)
      try {
        refuseTaken(folder, others) // H2
      } catch (error) {
        rmSync(path, { force: true })
        throw error
      }
      for (const ended of others) rmSync(ended.path, { force: true })
      return path
    }
  } finally {
    rmSync(draft, { force: true })
  }
}

/** H1; false where another one has this number. */
function isLinked(draft: string, path: string): boolean {
  try {
    linkSync(draft, path)
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false
    throw error
  }
}

function refuseTaken(folder: string, marks: readonly Mark[]): void {
  const holder = marks.find(isAlive)
  if (holder === undefined) return
  const { command, pid } = holder
  const option = command === 'node' ? '--data' : '--home'
  const hint = `stop it, or give this one another folder with ${option}`
  const message = `tutti ${command} runs in ${folder}, as process ${pid}: ${hint}`
  throw new Failure('tutti/home-taken', message)
}

function marksIn(folder: string): readonly Mark[] {
  return readdirSync(folder).flatMap((name) => {
    const number = /^taken\.(\d+)$/.exec(name)?.[1]
    if (number === undefined) return []
    const path = join(folder, name)
    const [pid, began = '', command = '', parent = ''] = readText(path).split(' ')
    return [{ number: Number(number), path, pid: Number(pid), began, command, parent }]
  })
}

function isAlive({ pid, began }: Mark): boolean {
  return began !== '' && beganAt(pid) === began
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

/** Empty where it runs no more, or nobody can tell; without spaces. */
function beganAt(pid: number): string {
  if (process.platform !== 'linux') {
    const { stdout } = spawnSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' })
    return (stdout ?? '').trim().replaceAll(/\s+/g, '-')
  }
  const stat = readText(`/proc/${pid}/stat`)
  // Behind its name, which may be anything.
  const fields = stat.slice(stat.lastIndexOf(') ') + 2).split(' ')
  const [state = ''] = fields
  return state === 'Z' ? '' : (fields[19] ?? '') // in ticks since the machine was started
}
