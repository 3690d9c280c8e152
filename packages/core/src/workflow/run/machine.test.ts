import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Json } from '../../resource/index.ts'
import { prepareWorkflow } from './index.ts'
import { catches, standardError } from './workflow-error.ts'
import { type Act, document, play } from './world.fixture.ts'

const color = (name: string, more: object = {}) => ({
  [name]: { set: { colors: `\${ .colors + ["${name}"] }` }, ...more },
})
const completed = (output: Json) => ({ status: 'completed', output })
const unavailable = standardError('communication', 'away', { status: 503 })

test('tasks run in sequence, each on the output of the one before', () => {
  const story = play(
    document([color('red'), { more: { do: [color('green'), color('blue')] } }]),
    {},
  )
  expect(story.outcome).toEqual(completed({ colors: ['red', 'green', 'blue'] }))
  expect(story.keys).toEqual(['/do/0/red', '/do/1/more/do/0/green', '/do/1/more/do/1/blue'])
})

test('then jumps, exits and ends; a task that is jumped back to is another step', () => {
  const jump = document([
    color('a', { then: 'c' }),
    color('b', { then: 'end' }),
    color('c', { then: 'b' }),
  ])
  expect(play(jump, {}).outcome).toEqual(completed({ colors: ['a', 'c', 'b'] }))
  const inner = [color('b', { then: 'exit' }), color('never')]
  const exit = document([{ group: { do: inner } }, color('c')])
  expect(play(exit, {}).outcome).toEqual(completed({ colors: ['b', 'c'] }))
  const loop = document([
    color('again'),
    { check: { switch: [{ more: { when: '.colors | length < 3', then: 'again' } }], then: 'end' } },
  ])
  const story = play(loop, {})
  expect(story.outcome).toEqual(completed({ colors: ['again', 'again', 'again'] }))
  expect(story.keys).toEqual(['/do/0/again', '/do/0/again~1', '/do/0/again~2'])
})

test('if, input.from, output.as and export.as, with what each may name', () => {
  const story = play(
    document(
      [
        { skipped: { if: '.n > 5', set: { never: true } } },
        {
          first: {
            input: { from: '.n' },
            set: { made: '${ . * 10 }', of: '${ $input }', by: '${ $task.name }' },
            output: { as: '{made, of, by, before: $input}' },
            export: { as: '{total: .made}' },
          },
        },
        { second: { set: { total: '${ $context.total }', was: '${ $workflow.input.n }' } } },
      ],
      { output: { as: '. + {id: $workflow.id, at: $workflow.startedAt.epoch.milliseconds}' } },
    ),
    { n: 4 },
  )
  expect(story.outcome).toEqual(completed({ total: 40, was: 4, id: 'r1', at: 1_000 }))
  expect(story.journal).toContainEqual(
    expect.objectContaining({ key: '/do/1/first', output: { made: 40, of: 4, by: 'first' } }),
  )
})

test('schemas of input and output are checked', () => {
  const schema = {
    document: { type: 'object', required: ['id'], properties: { id: { type: 'integer' } } },
  }
  const source = document([{ a: { set: { ok: true } } }], { input: { schema } })
  expect(play(source, { id: 1 }).outcome).toEqual(completed({ ok: true }))
  const { outcome } = play(source, { id: 'one' })
  expect(outcome).toMatchObject({ status: 'faulted', error: { status: 400 } })
  expect(JSON.stringify(outcome)).toContain('validation')
})

test('for runs its tasks for each item; while ends it', () => {
  const body = [{ mark: { set: { seen: '${ .seen + [[$index, $color]] }' } } }]
  const loop = (more: object) =>
    document([{ loop: { for: { each: 'color', in: '.colors' }, do: body, ...more } }])
  const input = { colors: ['red', 'green'] }
  expect(play(loop({}), input).outcome).toEqual(
    completed({
      seen: [
        [0, 'red'],
        [1, 'green'],
      ],
    }),
  )
  expect(play(loop({ while: '$index < 1' }), input).outcome).toEqual(
    completed({ seen: [[0, 'red']] }),
  )
  expect(play(loop({}), input).keys).toEqual(['/do/0/loop#0/do/0/mark', '/do/0/loop#1/do/0/mark'])
})

test('fork gives all outputs in order, or that of the first to be done', () => {
  const branches = [color('red'), color('green'), color('blue')]
  const all = document([{ both: { fork: { branches } } }])
  const last = (count: number) => count - 1
  expect(play(all, {}, { pick: last }).outcome).toEqual(
    completed([{ colors: ['red'] }, { colors: ['green'] }, { colors: ['blue'] }]),
  )
  const race = document([{ race: { fork: { branches, compete: true } } }])
  const story = play(race, {}, { pick: last })
  expect(story.outcome).toEqual(completed({ colors: ['blue'] }))
  expect(story.keys).toHaveLength(1)
})

test('an error of a branch stops the others and is the error of the fork', () => {
  const branches = [
    { slow: { wait: { hours: 1 } } },
    { bad: { raise: { error: { type: 'https://example.com/bad', status: 400 } } } },
  ]
  const story = play(document([{ both: { fork: { branches } } }]), {})
  expect(story.outcome).toEqual({
    status: 'faulted',
    error: {
      type: 'https://example.com/bad',
      status: 400,
      instance: '/do/0/both/fork/branches/1/bad',
    },
  })
  expect(story.endedAtMs).toBe(1_000)
})

const flaky = (failures: number): Act => {
  let left = failures
  const said = new Map<string, ReturnType<Act>>()
  return (_, key) => {
    const held = said.get(key)
    if (held !== undefined) return held
    left -= 1
    const made = left >= 0 ? { error: unavailable } : { output: { ok: true } }
    said.set(key, made)
    return made
  }
}
const call = {
  get: { call: 'http', with: { method: 'get', endpoint: 'https://example.com/{id}' } },
}

test('a caught error is handled, with its place; another one passes', () => {
  const handled = (with1: object) =>
    document([
      {
        attempt: {
          try: [call],
          catch: {
            errors: { with: with1 },
            as: 'err',
            do: [{ note: { set: { error: '${ $err }' } } }],
          },
        },
      },
    ])
  const type = 'https://serverlessworkflow.io/spec/1.0.0/errors/communication'
  expect(play(handled({ type, status: 503 }), {}, { act: flaky(9) }).outcome).toEqual(
    completed({ error: { ...unavailable, instance: '/do/0/attempt/try/0/get' } }),
  )
  expect(play(handled({ status: 404 }), {}, { act: flaky(9) }).outcome).toEqual({
    status: 'faulted',
    error: { ...unavailable, instance: '/do/0/attempt/try/0/get' },
  })
})

test('retries: their number, their growing delay, their end', () => {
  const source = (retry: object) =>
    document([
      { attempt: { try: [call], catch: { retry, do: [{ gave: { set: { up: true } } }] } } },
    ])
  const retry = {
    delay: { seconds: 1 },
    backoff: { exponential: {} },
    limit: { attempt: { count: 3 } },
  }
  const story = play(source(retry), {}, { act: flaky(3) })
  expect(story.outcome).toEqual(completed({ ok: true }))
  expect(story.endedAtMs).toBe(1_000 + 1_000 + 2_000 + 4_000)
  expect(play(source(retry), {}, { act: flaky(4) }).outcome).toEqual(completed({ up: true }))
  const brief = { ...retry, limit: { duration: { seconds: 2 } } }
  expect(play(source(brief), {}, { act: flaky(9) }).endedAtMs).toBe(2_000)
  const jittered = { ...retry, jitter: { from: { seconds: 1 }, to: { seconds: 2 } } }
  const first = play(source(jittered), {}, { act: flaky(1) }).endedAtMs
  expect(first).toBeGreaterThanOrEqual(3_000)
  expect(first).toBeLessThan(4_000)
  expect(play(source(jittered), {}, { act: flaky(1) }).endedAtMs).toBe(first)
})

test('a timeout stops what it is about; it can be caught', () => {
  const never: Act = () => 'never'
  const source = document([
    {
      attempt: {
        try: [{ slow: { ...call.get, timeout: { after: { seconds: 5 } } } }],
        catch: { errors: { with: { status: 408 } }, do: [{ late: { set: { late: true } } }] },
      },
    },
  ])
  const story = play(source, {}, { act: never })
  expect(story.outcome).toEqual(completed({ late: true }))
  expect(story.endedAtMs).toBe(6_000)
  const whole = document([call], { timeout: { after: 'PT2S' } })
  expect(play(whole, {}, { act: never }).outcome).toMatchObject({
    status: 'faulted',
    error: { status: 408 },
  })
})

const event = (type: string, more: object = {}) =>
  ({ specversion: '1.0', id: 'e', source: 'https://s', type, data: null, ...more }) as Record<
    string,
    Json
  >

test('listen: one, any until, all, correlation, foreach', () => {
  const listen = (to: object, more: object = {}) =>
    document([{ hear: { listen: { to, ...more } } }])
  const hot = { with: { type: 'temperature', data: '${ .value > 38 }' } }
  const events = [
    event('temperature', { data: { value: 37 } }),
    event('other', { data: 1 }),
    event('temperature', { data: { value: 39 } }),
    event('temperature', { data: { value: 40 } }),
    event('out', { data: 'bye' }),
  ]
  expect(play(listen({ one: hot }), {}, { events }).outcome).toEqual(completed([{ value: 39 }]))
  const until = { any: [hot], until: { one: { with: { type: 'out' } } } }
  expect(play(listen(until), {}, { events }).outcome).toEqual(
    completed([{ value: 39 }, { value: 40 }]),
  )
  const counted = { any: [], until: 'length >= 2' }
  expect(play(listen(counted), {}, { events }).outcome).toEqual(completed([{ value: 37 }, 1]))
  const correlate = { room: { from: '.room' } }
  const all = {
    all: [
      { with: { type: 't' }, correlate },
      { with: { type: 'h' }, correlate },
    ],
  }
  const rooms = [
    event('t', { room: 1, data: 't1' }),
    event('h', { room: 2, data: 'h2' }),
    event('h', { room: 1, data: 'h1' }),
  ]
  expect(play(listen(all), {}, { events: rooms }).outcome).toEqual(completed(['t1', 'h1']))
  const each = {
    foreach: {
      item: 'heard',
      do: [{ note: { set: { heard: '${ $heard }', index: '${ $index }' } } }],
      output: { as: '[.index, .heard]' },
    },
  }
  const story = play(
    document([{ hear: { listen: { to: counted, read: 'envelope' }, ...each } }]),
    {},
    { events },
  )
  expect(story.outcome).toEqual(
    completed([
      [0, events[0]],
      [1, events[1]],
    ] as Json),
  )
})

test('a listener hears nothing after its timeout', () => {
  const source = document([
    {
      hear: {
        listen: { to: { one: { with: { type: 'x' } } } },
        timeout: { after: { seconds: 1 } },
      },
    },
  ])
  expect(play(source, {}).outcome).toMatchObject({ status: 'faulted', error: { status: 408 } })
})

test('emit makes an event whose id is that of the step', () => {
  const source = document([
    {
      tell: {
        emit: { event: { with: { type: 't', source: 'https://s', data: { n: '${ .n }' } } } },
      },
    },
  ])
  expect(play(source, { n: 1 }).outcome).toEqual(
    completed({
      specversion: '1.0',
      id: 'r1/do/0/tell',
      source: 'https://s',
      type: 't',
      time: '1970-01-01T00:00:01.000Z',
      data: { n: 1 },
    }),
  )
})

test('calls carry everything filled in: endpoint, authentication, secrets', () => {
  const source = document(
    [
      {
        get: {
          call: 'http',
          with: {
            method: 'get',
            endpoint: { uri: 'https://h/{id}{?q}', authentication: { use: 'main' } },
            body: { plain: '.id', filled: '${ .id }' },
          },
        },
      },
    ],
    { use: { secrets: ['token'], authentications: { main: { bearer: { use: 'token' } } } } },
  )
  const { actions } = play(source, { id: 'a/b', q: 1 }, { secrets: { token: { token: 'hush' } } })
  expect(actions).toEqual([
    {
      type: 'call',
      protocol: 'http',
      arguments: {
        method: 'get',
        endpoint: { uri: 'https://h/a%2Fb?q=1', authentication: { bearer: { token: 'hush' } } },
        body: { plain: '.id', filled: 'a/b' },
      },
    },
  ])
  expect(play(source, {}, {}).outcome).toMatchObject({ status: 'faulted', error: { status: 403 } })
})

test('functions of the document run as tasks; extensions run around tasks', () => {
  const source = document([{ twice: { call: 'double', with: { n: '${ .n }' } } }], {
    use: {
      functions: { double: { set: { n: '${ .n * 2 }' } } },
      extensions: [
        {
          mock: {
            extend: 'call',
            when: '$task.with.method == "get"',
            before: [{ made: { set: { mocked: true }, then: 'exit' } }],
          },
        },
      ],
    },
  })
  expect(play(source, { n: 21 }).outcome).toEqual(completed({ n: 42 }))
  const mocked = { ...(source as object), do: [call] } as Json
  expect(play(mocked, {}).outcome).toEqual(completed({ mocked: true }))
})

test('map runs its tasks for each item, some at a time, and tolerates as many failures as it says', () => {
  const body = [{ double: { if: '. >= 0', set: { n: '${ $item * 2 }', at: '${ $index }' } } }]
  const bad = { refuse: { if: '. == 3', raise: { error: { type: 'https://e', status: 400 } } } }
  const map = (more: object, tasks: unknown = body) =>
    document([{ all: { call: 'tutti.map', with: { in: '${ .items }', do: tasks, ...more } } }])
  const items = { items: [1, 2, 3] }
  const last = (count: number) => count - 1
  expect(play(map({}), items, { pick: last }).outcome).toEqual(
    completed([
      { n: 2, at: 0 },
      { n: 4, at: 1 },
      { n: 6, at: 2 },
    ]),
  )
  expect(play(map({ maxConcurrency: 1 }), items, { pick: last }).keys).toEqual([
    '/do/0/all#0/with/do/0/double',
    '/do/0/all#1/with/do/0/double',
    '/do/0/all#2/with/do/0/double',
  ])
  expect(play(map({}, [bad, ...body]), items).outcome).toMatchObject({ status: 'faulted' })
  expect(play(map({ failuresMax: 1 }, [bad, ...body]), items).outcome).toMatchObject({
    output: [{ n: 2 }, { n: 4 }, { error: { status: 400 } }],
  })
  expect(play(map({}), { items: [] }).outcome).toEqual(completed([]))
  const wrong = prepareWorkflow(map({}, [{ a: { set: { x: '${ nope }' } } }]))
  expect(wrong).toMatchObject({ ok: false, findings: [{ path: 'do.0.all.with.do.0.a.set.x' }] })
})

test('a person is asked with a form; an answer that does not fit is an error', () => {
  const form = { type: 'object', required: ['yes'], properties: { yes: { type: 'boolean' } } }
  const ask = document([{ ask: { call: 'tutti.human', with: { title: '${ .t }', form } } }])
  const said =
    (answer: Json): Act =>
    () => ({ output: { answer, by: 'ann' } })
  const story = play(ask, { t: 'Pay?' }, { act: said({ yes: true }) })
  expect(story.outcome).toEqual(completed({ answer: { yes: true }, by: 'ann' }))
  expect(story.actions).toMatchObject([{ name: 'tutti.human', arguments: { title: 'Pay?' } }])
  expect(play(ask, { t: '' }, { act: said({ yes: 1 }) }).outcome).toMatchObject({
    error: { status: 400, instance: '/do/0/ask' },
  })
})

test('run asks for a workflow or a process; who does not wait goes on with what it had', () => {
  const flow = { namespace: 'n', name: 'w', version: '1.0.0', input: { a: '${ .a }' } }
  const source = document([{ sub: { run: { workflow: flow, await: false } } }])
  const story = play(source, { a: 1 }, { act: () => ({ output: 'theirs' }) })
  expect(story.outcome).toEqual(completed({ a: 1 }))
  expect(story.actions).toEqual([
    {
      type: 'workflow',
      namespace: 'n',
      name: 'w',
      version: '1.0.0',
      input: { a: 1 },
      isAwaited: false,
    },
  ])
})

test('what goes in circles is a faulted run, not a stuck engine', () => {
  const source = document([{ a: { do: [], then: 'a' } }])
  expect(play(source, {}).outcome).toMatchObject({ status: 'faulted', error: { status: 500 } })
  const slow = document([{ a: { set: { x: '${ last(range(1e9)) }' } } }])
  expect(play(slow, {}).outcome).toMatchObject({ status: 'faulted', error: { status: 400 } })
})

test('ten thousand turns of a loop, and fifty branches', () => {
  const loop = document([
    { loop: { for: { in: '[range(10000)]' }, do: [{ skip: { if: 'false', set: { a: 1 } } }] } },
  ])
  expect(play(loop, { n: 1 }).outcome).toMatchObject({ status: 'completed' })
  const branches = Array.from({ length: 50 }, (_, i) => color(`c${i}`))
  const { outcome, keys } = play(document([{ many: { fork: { branches } } }]), {})
  expect(outcome).toMatchObject({ status: 'completed' })
  expect(keys).toHaveLength(50)
})

test('what is wrong with a document is said before it runs', () => {
  const findings = (tasks: unknown, more: object = {}) => {
    const prepared = prepareWorkflow(document(tasks, more))
    return prepared.ok ? [] : prepared.findings.map(({ path, message }) => `${path}: ${message}`)
  }
  expect(findings([{ a: { sett: { x: 1 } } }])[0]).toMatch(/^do.0.a: .*did you mean set\?/)
  expect(findings([{ a: { set: { x: 1 }, then: 'bb' } }, { b: { set: { x: 1 } } }])).toEqual([
    'do.0.a.then: bb is no task of this list: did you mean b?',
  ])
  expect(findings([{ a: { set: { x: '${ .a | nope }' } } }])[0]).toContain('nope/0 is not defined')
  expect(findings([{ a: { if: '$item', set: { x: 1 } } }])[0]).toContain('$item is not defined')
  const caught = { try: [], catch: { as: 'e', when: '$e.status == 1 and $error' } }
  expect(findings([{ a: caught }])[0]).toContain('$error is not defined')
  expect(findings([{ a: { raise: { error: 'none' } } }])).toEqual([
    'do.0.a.raise.error: use.errors has no none',
  ])
  expect(findings([{ a: { call: 'nobody' } }])).toEqual([
    'do.0.a.call: there is no function nobody',
  ])
})

test('errors of either home of the specification are the same', () => {
  const error = standardError('timeout', 'late')
  expect(catches({ type: 'https://serverlessworkflow.io/dsl/errors/types/timeout' }, error)).toBe(
    true,
  )
  expect(catches({ type: 'https://example.com/errors/types/timeout' }, error)).toBe(false)
  expect(catches({ type: error.type, status: 500 }, error)).toBe(false)
})

const leaf = fc.constantFrom<object>(
  { set: { n: '${ (.n // 0) + 1 }' } },
  { wait: { seconds: 1 } },
  { call: 'http', with: { method: 'get', endpoint: 'https://h/' } },
  { raise: { error: { type: 'https://e', status: 400 } } },
  { if: '.n > 1', set: { n: 0 } },
)
const { tree } = fc.letrec<{ tree: object }>((tie) => {
  const list = fc
    .array(tie('tree'), { minLength: 1, maxLength: 3 })
    .map((tasks) => tasks.map((task, i) => ({ [`t${i}`]: task })))
  return {
    tree: fc.oneof(
      { maxDepth: 3, withCrossShrink: true },
      leaf,
      list.map((tasks) => ({ do: tasks })),
      list.map((branches) => ({ fork: { branches } })),
      list.map((branches) => ({ fork: { branches, compete: true } })),
      list.map((tasks) => ({ for: { in: '[1,2]' }, do: tasks })),
      list.map((tasks) => ({ try: tasks, catch: { do: [{ c: { set: { n: 9 } } }] } })),
      list.map((tasks) => ({
        try: tasks,
        catch: { retry: { delay: { seconds: 1 }, limit: { attempt: { count: 1 } } } },
      })),
      list.map((tasks) => ({ do: tasks, timeout: { after: { milliseconds: 1500 } } })),
    ),
  }
})

test('property: any document ends, whatever the order of outcomes, and each prefix of its journal goes on as it did', () => {
  fc.assert(
    fc.property(tree, fc.infiniteStream(fc.nat(7)), (task, chance) => {
      const pick = (count: number) => Number(chance.next().value) % Math.max(1, count)
      const story = play(document([{ top: task }]), {}, { pick })
      expect(story.outcome).not.toBeNull()
      expect(new Set(story.keys).size).toBe(story.keys.length) // M2
    }),
    { numRuns: 300 },
  )
})
