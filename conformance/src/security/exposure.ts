// Exposure
//
// What a first start leaves open to the network and to other users of the machine. After the engines that
// listened on all addresses by default, and the keys that anybody could read.

import { existsSync, readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Attack } from './attack.ts'

export function lookAtExposure({ fleet, scoring }: Attack): void {
  for (const file of ['context.json', 'credentials.json', 'publisher.pem', 'approval.pem']) {
    checkPrivate(join(fleet.home, file), scoring)
  }
  checkPrivate(join(fleet.home, 'control-plane/keys.json'), scoring)
  for (const { name } of fleet.nodes) {
    checkPrivate(join(fleet.folder, name, 'identity.json'), scoring)
    checkPrivate(join(fleet.folder, name, 'state.json'), scoring)
  }
  const keys = readFileSync(join(fleet.home, 'credentials.json'), 'utf8')
  const secrets: unknown[] = Object.values(JSON.parse(keys))
  for (const secret of secrets) {
    const chance = Buffer.from(String(secret).split('_').slice(2).join('_'), 'base64url')
    scoring.check(chance.length >= 32, `a first key has ${chance.length} bytes of chance`)
  }
  scoring.check(new Set(secrets).size === secrets.length, 'two first keys are the same')
  checkListening(fleet.pids(), scoring)
}

function checkPrivate(path: string, scoring: Attack['scoring']): void {
  const mode = existsSync(path) ? statSync(path).mode & 0o077 : 0
  scoring.check(mode === 0, `${path} is open to others (${mode.toString(8)})`)
}

/** Linux only: elsewhere there is no /proc to ask. */
function checkListening(roots: readonly number[], scoring: Attack['scoring']): void {
  if (!existsSync('/proc/net/tcp')) return
  const inodes = new Set(withChildren(roots).flatMap(socketsOf))
  const open = ['/proc/net/tcp', '/proc/net/tcp6'].flatMap((table) => {
    const rows = existsSync(table) ? readFileSync(table, 'utf8').trim().split('\n').slice(1) : []
    return rows.flatMap((row) => {
      const [, local = '', , state, , , , , , inode = ''] = row.trim().split(/\s+/)
      return state === '0A' && inodes.has(inode) ? [local] : []
    })
  })
  scoring.check(open.length >= 3, `expected to find the servers' sockets, found ${open.length}`)
  const beyond = open.filter((local) => !isLoopback(local.split(':')[0] ?? ''))
  scoring.check(beyond.length === 0, `listening beyond loopback: ${beyond.join(', ')}`)
}

/** As the kernel writes them: hexadecimal, in the machine's byte order. */
function isLoopback(address: string): boolean {
  return address === '0100007F' || address === '00000000000000000000000001000000'
}

function withChildren(roots: readonly number[]): number[] {
  const parents = new Map<number, number>()
  for (const name of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8')
      parents.set(Number(name), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]))
    } catch {
      // it has ended meanwhile
    }
  }
  const found = new Set(roots)
  for (let before = -1; before !== found.size; ) {
    before = found.size
    for (const [pid, parent] of parents) if (found.has(parent)) found.add(pid)
  }
  return [...found]
}

function socketsOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
      try {
        return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1] ?? []
      } catch {
        return [] // closed meanwhile
      }
    })
  } catch {
    return [] // ended meanwhile
  }
}
