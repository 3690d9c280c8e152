// A part as a real process that does nothing but live.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterEach, expect, test } from 'vitest'
import { runPart } from './supervisor.ts'

const { execPath } = process
const folder = mkdtempSync(join(tmpdir(), 'tutti-supervisor-'))
afterEach(() => {
  process.execPath = execPath
  rmSync(folder, { recursive: true, force: true })
})

test('a part for which there is no room fails its start, and is tried again once it has run', async () => {
  const main = join(folder, 'main.mjs')
  writeFileSync(main, 'process.send({ ready: `${process.pid}` }); setInterval(() => {}, 1e6)')
  const events: string[] = []
  let heard = () => {}
  const run = () =>
    runPart({ name: 'part', args: [] }, join(folder, 'logs'), told, pathToFileURL(main))
  const told = (event: string) => {
    events.push(event.replace(/;.*/, ''))
    heard()
  }
  process.execPath = join(folder, 'nothing')
  await expect(run()).rejects.toThrow(/^part: .*ENOENT/)
  process.execPath = execPath
  const part = await run()
  process.execPath = join(folder, 'nothing')
  const twice = new Promise<void>((resolve) => {
    heard = () => {
      if (events.length === 2) resolve()
    }
  })
  process.kill(Number(part.url), 'SIGKILL')
  await twice
  expect(events).toEqual([
    'part ended (SIGKILL)',
    expect.stringMatching(/^part ended \(.*ENOENT\)/),
  ])
  await part.stop() // there is none
})
