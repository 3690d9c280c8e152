import { expect, test } from 'vitest'
import type { Json } from '../../resource/index.ts'
import { decide, replay } from './decide.ts'
import type { Entry } from './entry.ts'
import { type ForkPoint, forkJournal } from './fork-journal.ts'
import { prepareWorkflow } from './program.ts'
import { type Act, document, play } from './world.fixture.ts'

const call = (name: string) => ({
  [name]: { call: 'http', with: { method: 'post', endpoint: `http://h/${name}`, body: '${ . }' } },
})
const source = document([
  call('first'),
  { loop: { for: { in: '[1, 2]' }, do: [call('turn')] } },
  { both: { fork: { branches: [call('left'), call('right')] } } },
  call('last'),
])
const surroundings = { secrets: {}, runtime: { name: 'tutti', version: '' } }
const prepared = prepareWorkflow(source)
if (!prepared.ok) throw new Error('not prepared')
const { program } = prepared
const act: Act = (_, key) => ({ output: { of: key } })
const whole = play(source, { n: 1 }, { act })
const fork = (point: ForkPoint) => forkJournal(program, whole.journal, point, surroundings)
const keysOf = (entries: readonly Entry[] | null) =>
  entries?.flatMap((entry) => (entry.kind === 'completed' ? [entry.key] : []))
const bodyOf = (entries: readonly Entry[] | null): Json => {
  const [command] = decide(program, entries ?? [], surroundings).commands
  return command?.kind === 'act' && command.action.type === 'call'
    ? (Object(command.action.arguments)['body'] ?? null)
    : null
}

test('a fork keeps what was done before the task, and nothing that came after', () => {
  expect(keysOf(fork({ from: '/do/0/first' }))).toEqual([])
  expect(keysOf(fork({ from: '/do/1/loop#1/do/0/turn' }))).toEqual([
    '/do/0/first',
    '/do/1/loop#0/do/0/turn',
  ])
  expect(keysOf(fork({ from: '/do/1/loop' }))).toEqual(['/do/0/first'])
  expect(keysOf(fork({ from: '/do/2/both' }))).toHaveLength(3)
  expect(keysOf(fork({ from: '/do/3/last' }))).toHaveLength(5)
  expect(fork({ from: '/do/9/none' })).toBeNull()
})

test('the task gets the edited input; without one it gets what it got', () => {
  expect(bodyOf(fork({ from: '/do/0/first' }))).toEqual({ n: 1 })
  expect(bodyOf(fork({ from: '/do/0/first', input: { n: 2 } }))).toEqual({ n: 2 })
  expect(bodyOf(fork({ from: '/do/3/last', input: 'edited' }))).toBe('edited')
  expect(bodyOf(fork({ from: '/do/1/loop', input: 'edited' }))).toBe('edited')
  const turn = '/do/1/loop#1/do/0/turn'
  expect(bodyOf(fork({ from: turn }))).toEqual({ of: '/do/1/loop#0/do/0/turn' })
})

test('what waits for time waits as much longer as the run was away', () => {
  const limited = document([{ nap: { wait: { seconds: 10 } } }], {
    timeout: { after: { hours: 1 } },
  })
  const slept = prepareWorkflow(limited)
  if (!slept.ok) throw new Error('not prepared')
  const started: Entry = { kind: 'started', atMs: 1_000, runId: 'a', input: {} }
  const copied: Entry = { kind: 'copied', atMs: 90_000, of: 'a', awayMs: 89_000 }
  const { waiting } = replay(slept.program, [started, copied], surroundings)
  const times = waiting.map((command) => (command.kind === 'wait' ? command.untilMs : null))
  expect(times).toEqual([1_000 + 3_600_000 + 89_000, 1_000 + 10_000 + 89_000])
})
