import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, expect, test } from 'vitest'

const folder = mkdtempSync(join(tmpdir(), 'tutti-home-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const mark = join(folder, 'up.pid')

/** A process that takes the home, and then waits for its end. */
async function take() {
  const door = pathToFileURL(join(import.meta.dirname, '../../dist/home/index.js'))
  const code = `
    import { takeHome } from ${JSON.stringify(door)}
    process.on('message', () => process.exit(0))
    try {
      takeHome(${JSON.stringify(folder)})
      process.send('taken')
    } catch (error) {
      process.send(error.code + ' ' + error.message)
      process.disconnect()
    }`
  const args = ['--input-type=module', '-e', code]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  const [said] = await once(child, 'message')
  return { child, said: String(said) }
}

async function end(child: Awaited<ReturnType<typeof take>>['child'], how: 'exit' | 'kill') {
  const ended = once(child, 'exit')
  if (how === 'kill') child.kill('SIGKILL')
  else child.send('end')
  await ended
}

test('a home is of one process at a time, which is named; one that was killed holds it no more', async () => {
  const first = await take()
  expect(first.said).toBe('taken')
  const second = await take()
  expect(second.said).toMatch(
    `tutti/home-taken tutti up runs in ${folder}, as process ${first.child.pid}: `,
  )
  await end(first.child, 'kill')
  expect(existsSync(mark)).toBe(true)
  const third = await take()
  expect(third.said).toBe('taken')
  await end(third.child, 'exit')
  expect(existsSync(mark)).toBe(false)
})

test('another process that has come by the same number holds nothing', async () => {
  const first = await take()
  writeFileSync(
    mark,
    readFileSync(mark, 'utf8').replace(/.$/, (digit) => `${(Number(digit) + 1) % 10}`),
  )
  const second = await take()
  expect(second.said).toBe('taken')
  await end(first.child, 'exit')
  expect(readFileSync(mark, 'utf8')).toMatch(`${second.child.pid} `) // it is not the first one's
  await end(second.child, 'exit')
})
