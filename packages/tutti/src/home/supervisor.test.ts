// A part as a real process that does nothing but live.

import { mkdtempSync, readFileSync, rmSync, watch, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { runPart } from './supervisor.ts'

const { execPath } = process
let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tutti-supervisor-'))
})
afterEach(() => {
  process.execPath = execPath
  rmSync(folder, { recursive: true, force: true })
})

/** A program that says its process, and lives. */
function mainThatLives(): URL {
  const main = join(folder, 'main.mjs')
  writeFileSync(
    main,
    `import { writeFileSync } from 'node:fs'
    process.send({ ready: String(process.pid) })
    writeFileSync(${JSON.stringify(join(folder, 'runs'))}, String(process.pid))
    setInterval(() => {}, 1e6)`,
  )
  return pathToFileURL(main)
}

test('a part whose log cannot be opened any more is started again, and takes nobody along', async () => {
  const logs = join(folder, 'logs')
  const part = await runPart({ name: 'part', args: [] }, logs, () => {}, mainThatLives())
  rmSync(logs, { recursive: true })
  writeFileSync(logs, 'no folder can be here')
  const first = part.url
  const again = new Promise<void>((resolve) => {
    const watcher = watch(folder, () => {
      const text = readText(join(folder, 'runs'))
      if (text === '' || text === first) return
      watcher.close()
      resolve()
    })
  })
  process.kill(Number(first), 'SIGKILL')
  await again
  await part.stop()
})

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

test('a part for which there is no room fails its start, and is tried again once it has run', async () => {
  const main = mainThatLives()
  const events: string[] = []
  let heard = () => {}
  const run = () => runPart({ name: 'part', args: [] }, join(folder, 'logs'), told, main)
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
