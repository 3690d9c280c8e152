import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type InstallState, machineFaults, modelFaults } from './install-state.ts'
import {
  type InstallAction,
  type InstallEvent,
  installStart,
  planInstall,
  resumeInstall,
} from './plan-install.ts'

const a = `sha256:${'a'.repeat(64)}`
const b = `sha256:${'b'.repeat(64)}`
const context = {
  ...{ nowMs: 0, soakMs: 100, failures: 1 },
  committed: null as string | null,
  wanted: null as string | null,
}

/** Plays events from a state; gives the last plan. */
function play(start: InstallState, events: readonly InstallEvent[], at = context) {
  let plan = { state: start, action: { kind: 'none' } as InstallAction }
  for (const event of events) plan = planInstall(plan.state, event, at)
  return plan
}

const done = (action: InstallAction['kind']): InstallEvent => ({
  kind: 'done',
  action,
  variant: 'fp32',
})
const steps = ['fetch', 'verify', 'stage', 'probe', 'activate'].map((kind) => done(kind as 'fetch'))

describe('install', () => {
  test('goes through every step and commits after the soak', () => {
    const soaking = play(installStart, [{ kind: 'wanted', release: a }, ...steps])
    expect(soaking).toMatchObject({
      state: { phase: 'soak', release: a, serving: a },
      action: { kind: 'soak', untilMs: 100 },
    })
    const early = planInstall(soaking.state, { kind: 'due' }, { ...context, nowMs: 99 })
    expect(early.action).toEqual({ kind: 'soak', release: a, untilMs: 100 }) // it became longer
    const due = planInstall(soaking.state, { kind: 'due' }, { ...context, nowMs: 100 })
    expect(due.action).toEqual({ kind: 'commit', release: a })
    const end = planInstall(due.state, done('commit'), context)
    expect(end.state).toEqual({ phase: 'committed', release: a, serving: a, variant: 'fp32' })
  })

  test('N1: whatever happens, nothing serves whose probe has not passed', () => {
    const reason = fc.constantFrom(...modelFaults, ...machineFaults)
    const event: fc.Arbitrary<InstallEvent> = fc.oneof(
      fc.record({ kind: fc.constant('wanted' as const), release: fc.constantFrom(a, b, null) }),
      fc.record({
        kind: fc.constant('done' as const),
        action: fc.constantFrom(
          'fetch',
          'verify',
          'stage',
          'probe',
          'activate',
          'commit',
          'deactivate',
        ) as fc.Arbitrary<InstallAction['kind']>,
      }),
      fc.record({ kind: fc.constant('failed' as const), reason, message: fc.constant('x') }),
      fc.constant({ kind: 'due' as const }),
      fc.record({
        kind: fc.constant('crashed' as const),
        release: fc.constantFrom(a, b),
        message: fc.constant('x'),
      }),
    )
    fc.assert(
      fc.property(fc.array(event, { maxLength: 60 }), (events) => {
        let state: InstallState = installStart
        let asked: InstallAction = { kind: 'none' }
        const probed = new Set<string>()
        for (const one of events) {
          // An actor answers only what it was asked.
          if (one.kind === 'done' && one.action !== asked.kind) continue
          if (one.kind === 'done' && asked.kind === 'probe') probed.add(asked.release)
          const before = state
          const plan = planInstall(state, one, { ...context, nowMs: 1_000, committed: null })
          state = plan.state
          if (plan.action.kind !== 'none') asked = plan.action
          if (state.serving !== null) expect(probed).toContain(state.serving)
          if (before.serving !== null && one.kind === 'failed')
            expect(state.serving).toBe(before.serving) // N2
        }
      }),
      { numRuns: 2_000 },
    )
  })

  test('N3: the model’s fault is not tried again, the machine’s is, after a pause that grows', () => {
    const fetching = play(installStart, [{ kind: 'wanted', release: a }])
    const refused = planInstall(
      fetching.state,
      { kind: 'failed', reason: 'probe-refused', message: '' },
      context,
    )
    expect(
      planInstall(refused.state, { kind: 'due' }, { ...context, nowMs: 1e9 }).action.kind,
    ).toBe('none')
    expect(planInstall(refused.state, { kind: 'wanted', release: a }, context).action.kind).toBe(
      'none',
    )
    expect(planInstall(refused.state, { kind: 'wanted', release: b }, context).action.kind).toBe(
      'fetch',
    )
    const event = { kind: 'failed', reason: 'fetch-failed', message: '' } as const
    const pauses = [1, 2, 3, 20].map((failures) => {
      const { state } = planInstall(fetching.state, event, { ...context, failures })
      return state.phase === 'failed' ? state.retryAtMs : null
    })
    expect(pauses).toEqual([2_000, 4_000, 8_000, 300_000])
  })

  test('a newcomer that crashes gives way to what was committed, without a control plane', () => {
    const soaking = play(installStart, [{ kind: 'wanted', release: b }, ...steps])
    const at = { ...context, committed: a, wanted: b }
    const crashed = planInstall(soaking.state, { kind: 'crashed', release: b, message: 'x' }, at)
    expect(crashed).toMatchObject({
      state: { phase: 'failed', reason: 'crashed', release: b },
      action: { kind: 'activate', release: a },
    })
    expect(planInstall(crashed.state, done('activate'), at).state.serving).toBe(a)
  })

  test('N4: a crash of what serves does not end the wish for something else', () => {
    const serving = play(installStart, [{ kind: 'wanted', release: a }, ...steps, done('commit')])
    const next = planInstall(serving.state, { kind: 'wanted', release: b }, context)
    const crash = { kind: 'crashed', release: a, message: 'x' } as const
    const alone = planInstall(next.state, crash, { ...context, committed: a, wanted: b })
    expect(alone.state).toMatchObject({ phase: 'fetch', release: b, serving: null })
    const c = `sha256:${'c'.repeat(64)}`
    const at = { ...context, committed: c, wanted: b }
    const back = planInstall(next.state, crash, at)
    expect(back.action).toEqual({ kind: 'activate', release: c })
    const after = planInstall(back.state, done('activate'), at)
    expect(after.state).toMatchObject({ phase: 'fetch', release: b, serving: c })
    const failed = { kind: 'failed', reason: 'load-failed', message: 'x' } as const
    expect(planInstall(back.state, failed, at).action.kind).toBe('fetch')
  })

  test('N1: with crashes and what was committed: only what was probed, here or before, serves', () => {
    const event = fc.oneof(
      fc.constantFrom<InstallEvent>(
        { kind: 'wanted', release: a },
        { kind: 'wanted', release: b },
        { kind: 'due' },
        { kind: 'crashed', release: a, message: '' },
        { kind: 'crashed', release: b, message: '' },
      ),
      // Weighted: else hardly a history gets past the probe.
      fc.constant<'answer'>('answer'),
      fc.constant<'answer'>('answer'),
    )
    fc.assert(
      fc.property(fc.array(event, { maxLength: 60 }), (events) => {
        let plan = resumeInstall(a)
        let committed = a
        const proven = new Set([a]) // a machine commits only what it has probed
        for (const one of events) {
          const asked = plan.action
          if (one === 'answer' && asked.kind === 'none') continue
          if (one === 'answer' && asked.kind === 'probe') proven.add(asked.release)
          if (one === 'answer' && asked.kind === 'commit') committed = asked.release
          if (one === 'answer' && asked.kind === 'soak') continue
          const event = one === 'answer' ? done(asked.kind) : one
          plan = planInstall(plan.state, event, { ...context, nowMs: 1_000, committed })
          if (plan.state.serving !== null) expect(proven).toContain(plan.state.serving)
          if (plan.action.kind === 'commit') expect(proven).toContain(plan.action.release)
          if (plan.action.kind === 'activate') expect(proven).toContain(plan.action.release)
        }
      }),
      { numRuns: 1_000 },
    )
  })

  test('only the progress of a fetch is told, and changes nothing else', () => {
    const fetching = play(installStart, [{ kind: 'wanted', release: a }])
    const told = planInstall(
      fetching.state,
      { kind: 'progress', bytesDone: 3, bytesTotal: 9 },
      context,
    )
    expect(told).toEqual({
      state: { ...fetching.state, bytesDone: 3, bytesTotal: 9 },
      action: { kind: 'none' },
    })
    const idle = planInstall(
      installStart,
      { kind: 'progress', bytesDone: 3, bytesTotal: 9 },
      context,
    )
    expect(idle.state).toEqual(installStart)
  })

  test('wanting nothing ends what runs, from every phase', () => {
    const soaking = play(installStart, [{ kind: 'wanted', release: a }, ...steps])
    expect(planInstall(soaking.state, { kind: 'wanted', release: null }, context)).toEqual({
      state: installStart,
      action: { kind: 'deactivate' },
    })
    expect(planInstall(installStart, { kind: 'wanted', release: null }, context).action.kind).toBe(
      'none',
    )
  })

  test('I3: after a reboot what was committed serves first', () => {
    const plan = resumeInstall(a)
    expect(plan.action).toEqual({ kind: 'activate', release: a })
    expect(planInstall(plan.state, done('activate'), context).state).toMatchObject({
      phase: 'committed',
      serving: a,
    })
  })

  test('going back to what serves already takes no second install', () => {
    const serving: InstallState = {
      phase: 'fetch',
      release: b,
      serving: a,
      bytesDone: 0,
      bytesTotal: 0,
    }
    expect(planInstall(serving, { kind: 'wanted', release: a }, context).action).toEqual({
      kind: 'activate',
      release: a,
    })
  })
})
