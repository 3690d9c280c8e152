// What a file is when the disk is full: a real one, of 64 KB, in a mount namespace of its own.

import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const module = fileURLToPath(new URL('../dist/write-durably.js', import.meta.url))
const inNamespace = ['-Urm', 'sh', '-c']

const program = `
  import { readFileSync, rmSync, writeFileSync } from 'node:fs'
  const { [process.env.HOW]: replace } = await import(process.env.MODULE)
  const write = async (text) => {
    try { await replace('state.json', text); return 'kept' } catch (e) { return e.code }
  }
  const said = [await write('a'.repeat(1000))]
  try { writeFileSync('others', Buffer.alloc(1 << 20)) } catch {} // all that is left
  said.push(await write('b'.repeat(9000)), readFileSync('state.json', 'utf8').slice(0, 1))
  rmSync('others')
  writeFileSync('others', Buffer.alloc(52 * 1024)) // a page is left: a write begins, and cannot end
  said.push(await write('c'.repeat(9000)), readFileSync('state.json', 'utf8').slice(0, 1))
  rmSync('others')
  said.push(await write('d'.repeat(9000)), readFileSync('state.json', 'utf8').length)
  process.stdout.write(JSON.stringify(said))
`

const mayMount = spawnSync('unshare', [...inNamespace, 'mount -t tmpfs none /mnt']).status === 0

test.skipIf(!mayMount).each(['writeDurably', 'placeDurably'])(
  '%s: a full disk leaves the file that was there, and says so',
  (how) => {
    const folder = mkdtempSync(join(tmpdir(), 'tutti-full-'))
    const script = `mount -t tmpfs -o size=64k none "$DISK" && cd "$DISK" &&
    exec "$NODE" --input-type=module -e "$PROGRAM"`
    const env = { DISK: folder, NODE: process.execPath, PROGRAM: program, MODULE: module, HOW: how }
    const { stdout, stderr } = spawnSync('unshare', [...inNamespace, script], {
      env: { ...process.env, ...env },
      encoding: 'utf8',
    })
    rmSync(folder, { recursive: true })
    const refused = ['ENOSPC', 'a']
    expect(stderr).toBe('')
    expect(JSON.parse(stdout)).toEqual(['kept', ...refused, ...refused, 'kept', 9000])
  },
)
