import type { ProcessOrder } from '@tutti/core/workflow'
import { expect, test } from 'vitest'
import { interpretersHere } from './interpreters.ts'
import { limitsDefault, type ProcessLimits, runProcess } from './run-process.ts'

const interpreters = await interpretersHere()

async function run(
  order: Partial<ProcessOrder>,
  limits: Partial<ProcessLimits> = {},
  signal: AbortSignal = new AbortController().signal,
) {
  const whole: ProcessOrder = {
    ...{ format: 'tutti/process/v1', id: 'x', node: 'n', expiresAtMs: 0, kind: 'shell' },
    ...{ language: null, text: '', arguments: [], environment: {}, stdin: null },
    ...order,
  }
  return await runProcess(whole, {
    ...{ interpreters, signal },
    limits: { ...limitsDefault, ...limits },
  })
}
const script = (language: 'javascript' | 'python', text: string, more: object = {}) =>
  run({ kind: 'script', language, text, ...more })

test('a command has its arguments, input and environment, and nothing else', async () => {
  process.env['TUTTI_SECRET_OF_NODE'] = 'x'
  const text = 'cat; echo "$GREETING $1"; env | grep -c TUTTI; exit 3'
  const given = { arguments: ['you; exit 9'], environment: { GREETING: 'hello' }, stdin: 'in ' }
  expect(await run({ text: `f() { ${text}; }; f`, ...given })).toEqual({
    ...{ code: 3, stdout: 'in hello you; exit 9\n0\n', stderr: '', failure: null },
  })
  expect((await run({ text: 'pwd; ls -A' })).stdout).toMatch(/tutti-process-\w+\n$/)
  delete process.env['TUTTI_SECRET_OF_NODE']
})

test('scripts in JavaScript, and in Python where there is one', async () => {
  const js = `import { readFileSync } from 'node:fs'
console.log(process.argv[2] + readFileSync(0, 'utf8') + Object.keys(process.env).length)`
  const more = { arguments: ['a'], stdin: 'b' }
  expect(await script('javascript', js, more)).toMatchObject({ code: 0, stdout: 'ab0\n' })
  expect((await script('javascript', 'throw new Error("no")')).code).toBe(1)
  const python = 'import sys; print(sys.argv[1] + sys.stdin.read())'
  const said = await script('python', python, more)
  if (interpreters.python === undefined) expect(said.failure).toBe('there is no python here')
  else expect(said).toMatchObject({ code: 0, stdout: 'ab\n', stderr: '' })
})

test('E2: past its time, memory or output, or unwanted, it is ended with all that it started', async () => {
  const late = await run({ text: 'echo begun; sleep 60 & wait' }, { timeMs: 300 })
  expect(late).toMatchObject({ code: null, stdout: 'begun\n', failure: 'it took more than 300 ms' })
  const loud = await run(
    { text: 'while :; do echo yyyyyyyyyyyyyyyy; done' },
    { outputBytes: 10_000 },
  )
  expect(loud.failure).toBe('it says more than 10000 bytes')
  expect(loud.stdout.length).toBeLessThanOrEqual(10_000)
  const wanted = new AbortController()
  const unwanted = run({ text: 'sleep 60' }, {}, wanted.signal)
  wanted.abort()
  expect((await unwanted).failure).toBe('it is not wanted any more')
  if (process.platform !== 'linux') return
  const hungry = `const kept = []; setInterval(() => kept.push(Buffer.alloc(2 ** 24, 1)), 5)`
  const order = { kind: 'script', language: 'javascript', text: hungry } as const
  const greedy = await run(order, { memoryBytes: 150 * 2 ** 20 })
  expect(greedy.failure).toContain('bytes of memory')
})

test('who holds its output open does not keep it: it ends with the group', async () => {
  const said = await run({ text: 'sleep 60 & echo done' })
  expect(said).toMatchObject({ code: 0, stdout: 'done\n', failure: null })
})
