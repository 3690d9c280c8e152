import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { FailureClass } from './classify-failure.ts'
import { classifyFailure } from './classify-failure.ts'
import {
  type AttemptCandidate,
  type AttemptContext,
  decideAttempt,
  type PastAttempt,
} from './decide-attempt.ts'
import { type Fallback, fallbackAction, fallbackClasses } from './fallback.ts'

const failures = [
  'unreachable',
  'silent',
  'truncated',
  'malformed',
  'failing',
  'rate-limited',
  'unauthorized',
  'absent',
  'context-length',
  'content-filter',
  'caller',
] as const satisfies readonly FailureClass[]
const failure = fc.constantFrom(...failures)
const candidates = fc.uniqueArray(
  fc.record({
    url: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'),
    region: fc.constant(''),
    release: fc.constantFrom('r1', 'r2'),
    inflight: fc.nat(9),
    healthy: fc.boolean(),
    tier: fc.nat(2),
    order: fc.nat(2),
  }),
  { selector: ({ url }) => url, minLength: 1 },
)
const context = {
  ...{ region: '', attemptsMax: 10, leftMs: 60_000, retryAfterMsMax: 5_000, mayRetry: true },
  chance: [0, 0] as const,
}

/** Asks on, with each answer failing as told, until the decision is to stop. */
function pursue(
  all: readonly AttemptCandidate[],
  fates: readonly FailureClass[],
  fallback?: Fallback,
): PastAttempt[] {
  const past: PastAttempt[] = []
  for (const fate of fates) {
    const step = decideAttempt(all, past, { ...context, fallback })
    if (step.kind === 'stop') return past
    const { url, tier, release } = step.candidate
    past.push({ url, tier, release, failure: fate })
  }
  return past
}

const final = new Set<FailureClass>(['caller', 'content-filter'])

describe('decide attempt', () => {
  test('what the Route says about a failure is done (A5), within A2 to A4', () => {
    const action = fc.constantFrom('next', 'next-tier', 'stop', 0, 1, 2)
    const rules = fc.dictionary(fc.constantFrom(...fallbackClasses), action)
    const fates = fc.array(failure, { minLength: 12, maxLength: 12 })
    fc.assert(
      fc.property(candidates, fates, rules, (all, fates, rules) => {
        const said: Fallback = rules
        const past = pursue(all, fates, said)
        past.forEach((one, i) => {
          const before = past.slice(0, i)
          for (const { failure, tier, url } of before) {
            if (failure === null || final.has(failure)) throw new Error('nobody is asked after it')
            const action = failure in rules ? fallbackAction.parse(rules[failure]) : undefined
            expect(action).not.toBe('stop')
            if (action === 'next-tier') expect(one.tier).toBeGreaterThan(tier)
            if (typeof action === 'number') expect(one.tier).toBeGreaterThanOrEqual(action)
            if (action !== undefined || failure === 'silent') expect(one.url).not.toBe(url)
          }
        })
      }),
    )
  })

  test('rules that say nothing change nothing', () => {
    const fates = fc.array(failure, { minLength: 12, maxLength: 12 })
    fc.assert(
      fc.property(candidates, fates, (all, fates) => {
        expect(pursue(all, fates, {})).toEqual(pursue(all, fates))
      }),
    )
  })

  test('while anybody was not asked, nobody gives up for a failure of a target (A1)', () => {
    const fates = fc.array(failure, { minLength: 24, maxLength: 24 })
    fc.assert(
      fc.property(candidates, fates, (all, fates) => {
        const past = pursue(all, fates)
        const asked = new Set(past.map(({ url }) => url))
        const isFinal = past.some((one) => one.failure !== null && final.has(one.failure))
        const isTooLong = past.some((one) => one.failure === 'context-length')
        if (isFinal || isTooLong || past.length === context.attemptsMax) return
        expect(asked.size).toBe(all.length)
      }),
    )
  })

  test('a final failure ends it (A2), a silent or too small target is asked once (A3)', () => {
    const fates = fc.array(failure, { minLength: 24, maxLength: 24 })
    fc.assert(
      fc.property(candidates, fates, (all, fates) => {
        const past = pursue(all, fates)
        const end = past.findIndex((one) => one.failure !== null && final.has(one.failure))
        if (end !== -1) expect(end).toBe(past.length - 1)
        past.forEach((one, i) => {
          if (one.failure !== 'silent' && one.failure !== 'context-length') return
          expect(past.slice(i + 1).map(({ url }) => url)).not.toContain(one.url)
        })
        expect(past.length).toBeLessThanOrEqual(context.attemptsMax) // A4
      }),
    )
  })

  const target = { region: '', release: '', inflight: 0, healthy: true, order: 0 }
  const primary = { ...target, url: 'primary', tier: 0, contextTokens: 8_000 }
  const fallback = { ...target, url: 'fallback', tier: 1, contextTokens: 32_000 }
  const after = (failure: FailureClass, more: Partial<PastAttempt> = {}) =>
    decideAttempt(
      [fallback, primary],
      [{ url: 'primary', tier: 0, release: '', contextTokens: 8_000, failure, ...more }],
      context,
    )

  test('a short Retry-After is waited for, a long one is not', () => {
    expect(after('rate-limited', { retryAfterMs: 2_000 })).toMatchObject({
      ...{ kind: 'ask', candidate: primary, afterMs: 2_000, isRetry: true },
    })
    expect(after('rate-limited', { retryAfterMs: 60_000 })).toMatchObject({ candidate: fallback })
  })

  test('what is too long for one model is asked of a larger one only', () => {
    expect(after('context-length')).toMatchObject({ candidate: fallback })
    const small = { ...fallback, contextTokens: 4_000 }
    const past = [
      { url: 'primary', tier: 0, release: '', contextTokens: 8_000, failure: 'context-length' },
    ] as const
    expect(decideAttempt([primary, small], past, context)).toEqual({ kind: 'stop' })
  })

  test('without a retry budget nobody is asked twice, and somebody else still is', () => {
    const past = [{ url: 'primary', tier: 0, release: '', failure: 'failing' }] as const
    const poor = { ...context, mayRetry: false }
    expect(decideAttempt([primary], past, poor)).toEqual({ kind: 'stop' })
    expect(decideAttempt([primary, fallback], past, poor)).toMatchObject({ candidate: fallback })
  })
})

describe('who is asked next', () => {
  const one = (url: string, more: Partial<AttemptCandidate> = {}): AttemptCandidate => ({
    ...{ url, region: '', release: url, inflight: 0, healthy: true, tier: 0, order: 0, ...more },
  })
  const failed = (url: string, failure: FailureClass | null, more: Partial<PastAttempt> = {}) => {
    return { url, tier: 0, release: url, failure, ...more }
  }
  const urlAfter = (
    all: readonly AttemptCandidate[],
    past: readonly PastAttempt[],
    more: Partial<AttemptContext> = {},
  ) => {
    const step = decideAttempt(all, past, { ...context, ...more })
    return step.kind === 'stop' ? null : [step.candidate.url, step.afterMs, step.isRetry]
  }

  test('nobody, once so many were asked or no time is left (A4)', () => {
    const all = ['a', 'b', 'c'].map((url) => one(url))
    const past = ['a', 'b'].map((url) => failed(url, 'failing'))
    expect(urlAfter(all, past, { attemptsMax: 3 })).toEqual(['c', 0, false])
    expect(urlAfter(all, past, { attemptsMax: 2 })).toBeNull()
    expect(urlAfter(all, past, { leftMs: 1 })).toEqual(['c', 0, false])
    expect(urlAfter(all, past, { leftMs: 0 })).toBeNull()
    expect(urlAfter([one('a')], [], { leftMs: 1 })).toEqual(['a', 0, false])
    expect(urlAfter([one('a')], [], { leftMs: 0 })).toBeNull()
  })

  test('the target that comes first in its order, then a release that has not failed', () => {
    const later = one('later', { order: 1 })
    expect(urlAfter([later, one('first')], [])).toEqual(['first', 0, false])
    const same = [one('a', { release: 'r1' }), one('b', { release: 'r2', inflight: 9 })]
    expect(urlAfter(same, [])?.[0]).toBe('a')
    for (const failure of ['failing', 'malformed'] as const) {
      const past = [failed('x', failure, { release: 'r1' })]
      expect(urlAfter(same, past)?.[0]).toBe('b')
    }
    expect(urlAfter(same, [failed('x', 'unreachable', { release: 'r1' })])?.[0]).toBe('a')
  })

  test('the same once more after a pause, where that is over in time and not waited for too long', () => {
    const past = [failed('a', 'failing')]
    expect(urlAfter([one('a')], past)).toEqual(['a', 150, true])
    expect(urlAfter([one('a')], [...past, ...past])).toBeNull()
    expect(urlAfter([one('a', { healthy: false })], past)).toBeNull()
    expect(urlAfter([one('a')], past, { leftMs: 151 })).toEqual(['a', 150, true])
    expect(urlAfter([one('a')], past, { leftMs: 150 })).toBeNull()
    expect(urlAfter([one('a')], past, { retryAfterMsMax: 150 })).toEqual(['a', 150, true])
    expect(urlAfter([one('a')], past, { retryAfterMsMax: 149 })).toBeNull()
    expect(urlAfter([one('a')], [failed('a', 'rate-limited')])).toEqual(['a', 1_000, true])
  })

  test('whoever takes more, where one did not take the length; never the same again (A3)', () => {
    const small = failed('a', 'context-length', { contextTokens: 8 })
    const all = (contextTokens?: number) => [
      one('a', { contextTokens: 9 }),
      one('b', { contextTokens }),
    ]
    expect(urlAfter(all(9), [small])?.[0]).toBe('b')
    expect(urlAfter(all(), [small])?.[0]).toBe('b') // nobody knows how much it takes
    expect(urlAfter(all(8), [small])).toBeNull()
    expect(urlAfter(all(1), [failed('a', 'context-length')])?.[0]).toBe('b')
  })

  test('who is doubtful only where nobody else is left, of the lowest tier (A1)', () => {
    const ill = { healthy: false }
    const all = [one('a', ill), one('b', { ...ill, tier: 1 }), one('c', { tier: 2 })]
    expect(urlAfter(all, [])?.[0]).toBe('c')
    expect(urlAfter(all, [failed('c', 'silent')])?.[0]).toBe('a')
    expect(urlAfter(all, [failed('c', 'silent'), failed('a', 'silent')])?.[0]).toBe('b')
  })
})

test('what ends a request ends it while another is on its way beside it (A2, A5)', () => {
  const all = ['a', 'b', 'c'].map((url, order) => ({
    ...{ url, order, region: '', release: url, inflight: 0, healthy: true, tier: 0 },
  }))
  const after = (failure: FailureClass, fallback?: Fallback) => {
    const past = [
      { url: 'a', tier: 0, release: 'a', failure },
      { url: 'b', tier: 0, release: 'b', failure: null },
    ]
    return decideAttempt(all, past, { ...context, fallback }).kind
  }
  expect(after('failing')).toBe('ask')
  for (const failure of final) expect(after(failure)).toBe('stop')
  expect(after('failing', { failing: 'stop' })).toBe('stop')
})

test('failures are told apart by status, code and sentence', () => {
  const classOf = (status: number, code = '', message = '') =>
    classifyFailure({ status, code, message })
  expect(classOf(302)).toBe('malformed')
  for (const status of [500, 503, 408, 409, 424, 425]) expect(classOf(status)).toBe('failing')
  expect(classOf(429)).toBe('rate-limited')
  expect(classOf(429, 'insufficient_quota')).toBe('unauthorized')
  expect(classOf(400, 'context_length_exceeded')).toBe('context-length')
  expect(classOf(400, '', "This model's maximum context length is 8192")).toBe('context-length')
  expect(classOf(400, 'invalid_request_error', 'prompt is too long: 9 tokens')).toBe(
    'context-length',
  )
  expect(classOf(400, 'exceed_context_size_error', 'it is too much')).toBe('context-length')
  for (const sentence of [
    'request (9 tokens) exceeds the available context size (8 tokens), try increasing it',
    "The input (9 tokens) is longer than the model's context length (8 tokens).",
    "This model's maximum prompt length is 8 but the request contains 9 tokens.",
  ]) {
    expect(classOf(400, '', sentence)).toBe('context-length')
  }
  expect(classOf(400, 'content_policy_violation')).toBe('content-filter')
  for (const sentence of [
    'Your chosen model requires moderation and your input was flagged',
    'Content violates usage guidelines. Failed check: SAFETY_CHECK_TYPE_DATA_LEAKAGE',
  ]) {
    expect(classOf(403, '', sentence)).toBe('content-filter')
  }
  expect(classOf(403, '', 'this key may not')).toBe('unauthorized')
  expect(classOf(401)).toBe('unauthorized')
  expect(classOf(404)).toBe('absent')
  expect(classOf(501, 'not_supported_error', 'no embeddings here')).toBe('absent')
  const noImages = 'image input is not supported - hint: you may need to provide the mmproj'
  expect(classOf(500, 'server_error', noImages)).toBe('absent')
  const badCall = 'Failed to parse tool call arguments as JSON: parse error at line 1, column 2'
  expect(classOf(500, 'server_error', badCall)).toBe('caller')
  expect(classOf(400, 'invalid_encrypted_content')).toBe('absent')
  const unread =
    'The encrypted content for item rs_0 could not be verified. Reason: it is not ours.'
  expect(classOf(400, 'invalid_request_error', unread)).toBe('absent')
  for (const other of ['encrypted_content has to be a text', 'the name could not be verified']) {
    expect(classOf(400, 'invalid_request_error', other)).toBe('caller')
  }
  expect(classOf(400)).toBe('caller')
})
