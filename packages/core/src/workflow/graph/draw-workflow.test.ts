import { expect, test } from 'vitest'
import { prepareWorkflow } from '../run/index.ts'
import { document } from '../run/world.fixture.ts'
import { drawWorkflow } from './draw-workflow.ts'

const draw = (tasks: unknown) => {
  const prepared = prepareWorkflow(document(tasks))
  if (!prepared.ok) throw new Error(JSON.stringify(prepared.findings))
  return drawWorkflow(prepared.program.document).trimEnd().split('\n').slice(1)
}
const set = (name: string, more: object = {}) => ({ [name]: { set: { a: 1 }, ...more } })

test('what follows what, branches, cases and jumps', () => {
  const choose = {
    choose: { switch: [{ big: { when: '.n > 1', then: 'last' } }, { no: { then: 'end' } }] },
  }
  expect(draw([set('first'), choose, set('skipped'), set('last')])).toEqual([
    '  t0(["test.test:1.0.0"])',
    '  t1["first<br/>set"]',
    '  t2{"choose<br/>switch"}',
    '  t3["skipped<br/>set"]',
    '  t4["last<br/>set"]',
    '  t0 --> t1',
    '  t1 --> t2',
    '  t2 -->|"big"| t4',
    '  t3 --> t4',
    '  t5([end])',
    '  t4 --> t5',
    '  t2 -->|"no"| t5',
  ])
})

test('what stands inside others, and what would undo it', () => {
  const undo = { metadata: { tutti: { undo: [set('unbook')] } } }
  const saga = { saga: { call: 'tutti.compensate', with: { do: [set('book', undo)] } } }
  const loop = { loop: { for: { in: '[1]', each: 'x' }, do: [saga] } }
  const both = {
    both: { fork: { branches: [loop, { t: { try: [set('a')], catch: { do: [set('b "q"')] } } }] } },
  }
  const lines = draw([both])
  const at = (label: string) => {
    const line = lines.find((one) => one.includes(`"${label}<br/>`)) ?? ''
    return line.trim().replace(/\W.*/, '')
  }
  const end = lines
    .find((line) => line.includes('([end])'))
    ?.replace('([end])', '')
    .trim()
  expect(lines).toContain(`  ${at('b #quot;q#quot;')}["b #quot;q#quot;<br/>set"]`)
  for (const [from, arrow, to] of [
    [at('both'), '-->', at('loop')],
    [at('loop'), '-->|"each x"|', at('saga')],
    [at('saga'), '-->', at('book')],
    [at('book'), '-.->|"undo"|', at('unbook')],
    [at('book'), '-->|"next"|', at('loop')],
    [at('loop'), '-->|"done"|', end],
    [at('t'), '-->|"on error"|', at('b #quot;q#quot;')],
    [at('a'), '-->', end],
    [at('b #quot;q#quot;'), '-->', end],
  ]) {
    expect(lines).toContain(`  ${from} ${arrow} ${to}`)
  }
})
