// Take home
//
// One `tutti up` for each home: a second one, on other ports, would share the first one's database and write its own gateway over
// the one that commands ask. The mark says which process has the home and when that began: a number alone comes again, in a container
// at each start.

import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Failure } from '../failure.ts'

/** Until this process ends the home is its own. Throws `tutti/home-taken`. */
export function takeHome(folder: string): void {
  const path = join(folder, 'up.pid')
  const held = readMark(path)
  const pid = Number(held.split(' ')[0])
  const began = beganAt(pid)
  if (began !== '' && held === `${pid} ${began}`) throw takenBy(pid, folder)
  const own = `${process.pid} ${beganAt(process.pid)}`
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  rmSync(path, { force: true })
  writeFileSync(path, own, { flag: 'wx', mode: 0o600 })
  process.on('exit', () => {
    if (readMark(path) === own) rmSync(path, { force: true })
  })
}

function takenBy(pid: number, folder: string): Failure {
  const hint = `stop it, or give this one another folder with --home`
  return new Failure('tutti/home-taken', `tutti up runs in ${folder}, as process ${pid}: ${hint}`)
}

function readMark(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

/** Empty where it runs no more, or nobody can tell. */
function beganAt(pid: number): string {
  if (process.platform !== 'linux') {
    const { stdout } = spawnSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' })
    return stdout?.trim() ?? ''
  }
  const stat = readMark(`/proc/${pid}/stat`)
  // Behind its name, which may be anything.
  const fields = stat.slice(stat.lastIndexOf(') ') + 2).split(' ')
  const [state = ''] = fields
  return state === 'Z' ? '' : (fields[19] ?? '') // in ticks since the machine was started
}
