// Scripts, commands and containers: what every one of them keeps to, by one suite, and what is its own.

import { execFileSync } from 'node:child_process'
import type { ProcessOrder } from '@tutti/core/workflow'
import { afterAll, describe, expect, test } from 'vitest'
import { containerRuntimeHere } from './container-runtime.ts'
import { interpretersHere } from './interpreters.ts'
import { importShell } from './rootfs.fixture.ts'
import { removeLeft } from './run-container.ts'
import { runProcess } from './run-process.ts'
import { limitsDefault, type ProcessLimits } from './watch-process.ts'

const interpreters = await interpretersHere()
const runtime = await containerRuntimeHere()
const image = `localhost/tutti-test-${process.pid}:1`
const noImage = runtime === null ? 'none answers here' : importShell(runtime.name, image)
const node = `n-${process.pid}`

async function run(
  order: Partial<ProcessOrder>,
  limits: Partial<ProcessLimits> = {},
  signal: AbortSignal = new AbortController().signal,
) {
  const whole: ProcessOrder = {
    ...{ format: 'tutti/process/v1', id: 'x', node, expiresAtMs: 0, kind: 'shell' },
    ...{ language: null, text: '', arguments: [], environment: {}, stdin: null },
    ...order,
  }
  return await runProcess(whole, {
    ...{ interpreters, containers: runtime, signal },
    limits: { ...limitsDefault, ...limits },
  })
}

const container = { image, pull: 'never' } as const
const trial = noImage ?? (await run({ kind: 'container', text: 'exit 0', container })).failure
if (trial !== null) console.warn(`containers are not tried: ${trial}`)

afterAll(() => {
  if (runtime !== null && noImage === null) execFileSync(runtime.name, ['rmi', '--force', image])
})

const shell = { name: 'shell', more: { kind: 'shell' } } as const
const runners = [shell, { name: 'container', more: { kind: 'container', container } } as const]

describe.each(runners)('$name', ({ name, more }) => {
  const there = name === 'container' && trial !== null ? test.skip : test

  there('a command has its arguments, input and environment, and nothing else', async () => {
    process.env['TUTTI_SECRET_OF_NODE'] = 'x'
    const count = 'n=0; for v in $(env); do case $v in TUTTI*) n=1;; esac; done; echo $n'
    const text = `f() { cat; echo "$GREETING $1"; ${count}; exit 3; }; f "$@"`
    const given = {
      arguments: ['you; exit 9'],
      environment: { GREETING: 'hello $x' },
      stdin: 'in ',
    }
    expect(await run({ ...more, text, ...given })).toMatchObject({
      ...{ code: 3, stdout: 'in hello $x you; exit 9\n0\n', stderr: '', failure: null },
    })
    delete process.env['TUTTI_SECRET_OF_NODE']
  })

  there('arguments go to a command that names none, and are there for one that does', async () => {
    const words = { arguments: ['Foo', 'Bar'], stdin: 'Hello World' }
    const ofSpecification = 'input=$(cat)\necho "STDIN was: $input"\necho "ARGS are $1 $2"\n'
    const said = await run({ ...more, text: ofSpecification, ...words })
    expect(said).toMatchObject({ code: 0, stdout: 'STDIN was: Hello World\nARGS are Foo Bar\n' })
    const plain = await run({ ...more, text: 'echo said\n', ...words })
    expect(plain).toMatchObject({ code: 0, stdout: 'said Foo Bar\n' })
  })

  there(
    'E2: past its time or output, or unwanted, it is ended with all that it started',
    async () => {
      const late = await run({ ...more, text: 'echo begun; sleep 60 & wait' }, { timeMs: 2_000 })
      expect(late).toMatchObject({
        ...{ code: null, stdout: 'begun\n', failure: 'it took more than 2000 ms' },
      })
      const loud = await run(
        { ...more, text: 'while :; do echo yyyyyyyyyyyyyyyy; done' },
        { outputBytes: 10_000 },
      )
      expect(loud.failure).toBe('it says more than 10000 bytes')
      expect(loud.stdout.length).toBeLessThanOrEqual(10_000)
      const wanted = new AbortController()
      const unwanted = run({ ...more, text: 'sleep 60' }, {}, wanted.signal)
      wanted.abort()
      expect((await unwanted).failure).toContain('not wanted any more')
    },
  )

  there('who holds its output open does not keep it', async () => {
    const said = await run({ ...more, text: 'sleep 60 & echo done' })
    expect(said).toMatchObject({ code: 0, stdout: 'done\n', failure: null })
  })

  there('E2: past its memory it is ended, and that is said', async () => {
    if (process.platform !== 'linux') return
    const hungry = `const kept = []; setInterval(() => kept.push(Buffer.alloc(2 ** 24, 1)), 5)`
    const script = { kind: 'script', language: 'javascript', text: hungry } as const
    const grown = { ...more, text: 'x=aaaaaaaaaaaaaaaa; while :; do x=$x$x; done' }
    const greedy = await run(name === 'shell' ? script : grown, { memoryBytes: 150 * 2 ** 20 })
    expect(greedy.failure).toContain('bytes of memory')
  })
})

test('a command begins in a folder of its own', async () => {
  expect((await run({ text: 'pwd; ls -A' })).stdout).toMatch(/tutti-process-\w+\n$/)
})

test('scripts in JavaScript, and in Python where there is one', async () => {
  const script = (language: 'javascript' | 'python', text: string, more: object = {}) =>
    run({ kind: 'script', language, text, ...more })
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

const withContainers = trial === null ? test : test.skip
const inside = (text: string, more: Partial<ProcessOrder> = {}) =>
  run({ kind: 'container', text, container, ...more })

withContainers(
  'C1: a container says which content it ran from; another one is refused',
  async () => {
    const said = await inside('echo $0')
    expect(said.image).toMatch(/^localhost\/tutti-test-\d+@sha256:[0-9a-f]{64}$/)
    const pinned = { image: said.image ?? '', pull: 'never' } as const
    expect((await inside('exit 0', { container: pinned })).code).toBe(0)
    const absent = await inside('exit 0', { container: { image: 'localhost/none', pull: 'never' } })
    expect(absent.failure).toBe('the image localhost/none is not on this node')
    // Without a command the image's own program runs, which this one has not.
    expect((await inside('')).failure).toContain('it did not begin')
  },
)

withContainers(
  'a container has no rights, no network, few processes, and writes to /tmp alone',
  async () => {
    const text = `
while read a b; do case $a in CapEff:|NoNewPrivs:) echo $b;; esac; done < /proc/self/status
while read a b; do case $a in *:) echo $a;; esac; done < /proc/net/dev
(echo x > /x) 2> /dev/null || echo read-only
echo x > /tmp/x && cat /tmp/x
(i=0; while [ $i -lt 300 ]; do sleep 60 & i=$((i+1)); done) 2> /dev/null || echo crowded`
    const said = ['0000000000000000', '1', 'lo:', 'read-only', 'x', 'crowded', '']
    expect((await inside(text)).stdout).toBe(said.join('\n'))
  },
)

withContainers(
  'C2: nothing is left of a container, also where a node was killed amid it',
  async () => {
    const left = () =>
      execFileSync(runtime?.name ?? '', ['ps', '-aq', '--filter', `label=tutti.node=${node}`], {
        encoding: 'utf8',
      })
    await run({ kind: 'container', text: 'sleep 60', container }, { timeMs: 1_000 })
    expect(left()).toBe('')
    const label = ['--label', `tutti.node=${node}`, '--ulimit', 'nofile=64:64']
    const words = ['run', '-d', ...label, '--ulimit', 'nproc=64:64', '--network', 'none']
    execFileSync(runtime?.name ?? '', [...words, '--entrypoint', '/bin/sleep', image, '60'])
    expect(left()).not.toBe('')
    if (runtime !== null) await removeLeft(runtime, node)
    expect(left()).toBe('')
  },
)

withContainers(
  'C3: what a container is given stands on no command line, and is nobody else’s',
  async () => {
    const secret = { PATH: '/evil', DOCKER_HOST: 'tcp://evil', API_KEY: 'of the run' }
    const said = await inside(
      'echo $PATH $DOCKER_HOST $API_KEY; read line < /proc/1/cmdline; echo $line',
      {
        environment: secret,
      },
    )
    expect(said.stdout.split('\n')[0]).toBe('/evil tcp://evil of the run')
    expect(said.stdout.split('\n')[1]).not.toContain('of the run')
    const lines = await inside('exit 0', { environment: { A: 'b\nC=d' } })
    expect(lines.failure).toBe('A: a container is given lines of text only')
  },
)
