import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, expect, test } from 'vitest'

const folder = mkdtempSync(join(tmpdir(), 'tutti-home-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const marks = () => readdirSync(folder).map((name) => join(folder, name))

/** A process that is ready to take the home, and then waits for its end. */
async function begin() {
  const door = pathToFileURL(join(import.meta.dirname, '../../dist/home/take-home.js'))
  const code = `
    import { takeHome } from ${JSON.stringify(door)}
    process.on('message', (order) => {
      if (order === 'end') process.exit(0)
      try {
        takeHome(${JSON.stringify(folder)}, 'up')
        process.send('taken')
      } catch (error) {
        process.send(error.code + ' ' + error.message)
        process.disconnect()
      }
    })
    process.send('ready')`
  const args = ['--input-type=module', '-e', code]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  await once(child, 'message')
  return child
}

async function order(child: ChildProcess) {
  child.send('take')
  const [said] = await once(child, 'message')
  return { child, said: String(said) }
}

const take = async () => order(await begin())

async function end(child: ChildProcess, how: 'exit' | 'kill') {
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
  expect(marks()).toHaveLength(1)
  const third = await take()
  expect(third.said).toBe('taken')
  await end(third.child, 'exit')
  expect(marks()).toEqual([])
})

/** A part that has the home, and whoever started it. */
function beginPart(waitMs?: number) {
  const door = JSON.stringify(new URL('../../dist/home/take-home.js', import.meta.url))
  const holding = `import { takeHome } from ${door}
    takeHome(${JSON.stringify(folder)}, 'node', ${waitMs}); process.send(process.pid); setInterval(() => {}, 1e6)`
  const starting = `import { spawn } from 'node:child_process'
    const args = ['--input-type=module', '-e', ${JSON.stringify(holding)}]
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] })
    child.on('message', (pid) => process.send(pid))`
  const starter = spawn(process.execPath, ['--input-type=module', '-e', starting], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  return { starter, holding }
}

test('a part whose starter was killed is waited for while it ends', async () => {
  const { starter, holding } = beginPart()
  const [pid] = await once(starter, 'message')
  const early = await take()
  expect(early.said).toContain('tutti/home-taken')
  await end(starter, 'kill')
  const next = spawn(process.execPath, ['--input-type=module', '-e', holding], {
    stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
  })
  const [waits] = await once(next.stderr ?? next, 'data')
  expect(String(waits)).toContain(`waiting for tutti node, process ${pid}, which ends`)
  process.kill(Number(pid), 'SIGKILL')
  expect(await once(next, 'message')).toContain(next.pid)
  await end(next, 'kill')
})

test('a part whose starter was killed, and that does not end, is killed', async () => {
  const { starter, holding } = beginPart(200)
  const [pid] = await once(starter, 'message')
  process.kill(Number(pid), 'SIGSTOP')
  await end(starter, 'kill')
  const next = spawn(process.execPath, ['--input-type=module', '-e', holding], {
    stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
  })
  let said = ''
  next.stderr?.on('data', (chunk) => {
    said += String(chunk)
  })
  expect(await once(next, 'message')).toContain(next.pid)
  expect(said).toContain(`it does not end: killing process ${pid}`)
  const holders = marks().map((path) => Number(readFileSync(path, 'utf8').split(' ')[0]))
  expect(holders).toEqual([next.pid])
  await end(next, 'kill')
})

test('another process that has come by the same number holds nothing', async () => {
  const first = await take()
  const [mark = ''] = marks()
  const another = readFileSync(mark, 'utf8').replace(/\d(?= up)/, (digit) => `${9 - Number(digit)}`)
  writeFileSync(mark, another)
  const second = await take()
  expect(second.said).toBe('taken')
  await end(first.child, 'exit')
  expect(marks().map((path) => readFileSync(path, 'utf8'))).toEqual([
    expect.stringContaining(`${second.child.pid} `), // it is not the first one's
  ])
  await end(second.child, 'exit')
})

test('of many that take it at once after one that was killed, one has it', async () => {
  const contenders = await Promise.all(Array.from({ length: 6 }, begin))
  for (let turn = 0; turn < 3; turn++) {
    const killed = await take()
    await end(killed.child, 'kill')
    const said = await Promise.all(contenders.splice(0).map(order))
    const holders = said.filter((one) => one.said === 'taken')
    expect(holders).toHaveLength(1)
    for (const { child } of holders) await end(child, 'exit')
    expect(marks()).toEqual([])
    contenders.push(...(await Promise.all(Array.from({ length: 6 }, begin))))
  }
  await Promise.all(contenders.map((child) => end(child, 'exit')))
})
