import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { AnswerStore, cosine, unitOf } from './answer-store.ts'
import { cacheQuestion } from './cache-question.ts'

const place = { project: 'a', key: 'k', route: 'r', scope: 'project', identity: 'v1' } as const
const asked = (content: string, more: object = {}, dialect: 'openai' | 'anthropic' = 'openai') => ({
  dialect,
  path: dialect === 'openai' ? '/chat/completions' : '/messages',
  model: 'r',
  stream: false,
  parsed: { model: 'r', messages: [{ role: 'user', content }], ...more },
})

describe('questions', () => {
  test('the same is asked whatever the dialect, the order of members, and how it is sent', () => {
    const one = cacheQuestion(asked('hi', { max_tokens: 5, temperature: 0.5 }), place)
    const two = cacheQuestion(
      asked('hi', { temperature: 0.5, stream: true, max_tokens: 5 }, 'anthropic'),
      { ...place, key: 'other' },
    )
    expect(two).toEqual(one)
    expect(cacheQuestion(asked('hi', { max_tokens: 6, temperature: 0.5 }), place).exact).not.toBe(
      one.exact,
    )
  })

  test('a response is not given to who would read in it what another one said of himself', () => {
    const response = (more: object) => ({
      ...({ dialect: 'openai-responses', path: '/responses', model: 'r', stream: false } as const),
      parsed: { model: 'r', input: 'hi', ...more },
    })
    const plain = cacheQuestion(response({}), place)
    expect(cacheQuestion(asked('hi'), place)).toEqual(plain)
    expect(cacheQuestion(response({ metadata: null }), place)).toEqual(plain)
    for (const more of [{ metadata: { ticket: '7' } }, { user: 'ann' }, { include: ['x'] }]) {
      const own = cacheQuestion(response(more), place)
      expect(own.exact).not.toBe(plain.exact)
      if (!('include' in more)) expect(own.context).not.toBe(plain.context)
    }
    const reasoned = (summary: string) => cacheQuestion(response({ reasoning: { summary } }), place)
    expect(reasoned('auto').exact).not.toBe(reasoned('concise').exact)
  })

  test('what our form has no words for is compared as it stands, and given again as it came', () => {
    const odd = cacheQuestion(asked('hi', { logprobs: true }), place)
    expect(odd).toMatchObject({ context: null, text: null, isTranslatable: false })
    expect(odd.exact).not.toBe(cacheQuestion(asked('hi', { logprobs: false }), place).exact)
  })

  test('who asks makes no other question of it where no answer says it back', () => {
    const of = (user: string) => cacheQuestion(asked('hi', { user }), place)
    expect(of('ann')).toEqual(of('bob'))
  })

  test('what Anthropic’s callers ask for by a header is part of what is asked', () => {
    const of = (beta?: string) => {
      const question = asked('hi', { max_tokens: 5 }, 'anthropic')
      return cacheQuestion({ ...question, ...(beta === undefined ? {} : { beta }) }, place)
    }
    expect(of('context-1m').exact).not.toBe(of().exact)
    expect(of('context-1m').context).not.toBe(of('other').context)
  })

  test('meaning is compared of what a user asked in words, and of nothing else', () => {
    const of = (...messages: readonly object[]) => cacheQuestion(asked('', { messages }), place)
    const image = { type: 'image_url', image_url: { url: 'data:image/png;base64,AA==' } }
    const text = { type: 'text', text: 'what is it' }
    const nothing = { context: null, text: null, isTranslatable: true }
    expect(of({ role: 'user', content: 'a' }, { role: 'assistant', content: 'b' })).toMatchObject(
      nothing,
    )
    expect(of({ role: 'user', content: [text, image] })).toMatchObject(nothing)
    expect(of({ role: 'user', content: [text, text] }).text).toBe('what is it\nwhat is it')
  })

  test('the meaning of the last question is compared within the rest of the conversation', () => {
    const system = [{ role: 'system', content: 'be brief' }]
    const more = (content: string) =>
      asked('', { messages: [...system, { role: 'user', content }] })
    const [one, two] = [cacheQuestion(more('a'), place), cacheQuestion(more('b'), place)]
    expect([one.text, two.text]).toEqual(['a', 'b'])
    expect(one.context).toBe(two.context)
    expect(cacheQuestion(asked('a'), place).context).not.toBe(one.context)
  })

  test('no two projects, routes, releases, or keys where that is asked for, share anything (C1, C2)', () => {
    const name = fc.constantFrom('a', 'b', 'a","b', '')
    const places = fc.record({
      ...{ project: name, key: name, route: name, identity: name },
      scope: fc.constantFrom('project', 'key'),
    })
    fc.assert(
      fc.property(places, places, (one, two) => {
        const mine = cacheQuestion(asked('q'), one)
        const theirs = cacheQuestion(asked('q'), two)
        const isSame =
          one.project === two.project &&
          one.route === two.route &&
          one.identity === two.identity &&
          one.scope === two.scope &&
          (one.scope === 'project' || one.key === two.key)
        expect(mine.exact === theirs.exact).toBe(isSame)
        expect(mine.context === theirs.context).toBe(isSame)
      }),
    )
  })
})

describe('the store', () => {
  const vectors = fc.array(fc.integer({ min: -3, max: 3 }), { minLength: 2, maxLength: 2 })
  const acts = fc.array(
    fc.record({
      act: fc.constantFrom('keep', 'find', 'near'),
      exact: fc.constantFrom('q1', 'q2', 'q3', 'q4'),
      context: fc.constantFrom('c1', 'c2'),
      vector: vectors,
      bytes: fc.integer({ min: 1, max: 60 }),
      ttl: fc.integer({ min: 1, max: 20 }),
      wait: fc.integer({ min: 0, max: 5 }),
    }),
    { maxLength: 60 },
  )

  test('an answer that is over hides no other one that is near', () => {
    const store = new AnswerStore<string>(100)
    const keep = (name: string, vector: readonly number[], sinceMs: number) =>
      store.keep(
        name,
        { answer: name, bytes: 1, sinceMs },
        {
          ...{ context: 'c', vector: Float32Array.from(vector) },
        },
      )
    keep('nearest', [1, 0], 0)
    keep('near', [1, 0.1], 45)
    const of = { threshold: 0.9, ttlMs: 50 }
    const find = (nowMs: number) => store.findNear('c', Float32Array.from([1, 0]), { ...of, nowMs })
    expect([find(46), find(50), find(99)]).toEqual(['nearest', 'near', null])
  })

  test('gives nothing that is older than it may be by now, and drops it (C3)', () => {
    const store = new AnswerStore<string>(100)
    const [context, vector] = ['c', Float32Array.of(1, 0)]
    const keep = () => store.keep('q', { answer: 'a', bytes: 1, sinceMs: 0 }, { context, vector })
    keep()
    const [long, short] = [
      { nowMs: 60, ttlMs: 1_000 },
      { nowMs: 60, ttlMs: 50 },
    ]
    expect(store.find('q', long)).toBe('a')
    expect(store.findNear(context, vector, { ...short, threshold: 0.9 })).toBeNull()
    expect([store.find('q', short), store.find('q', long), store.bytes]).toEqual([null, null, 0])
  })

  test('gives nothing late, holds to its size, and never crosses a context (C3, C4, C5)', () => {
    fc.assert(
      fc.property(acts, (list) => {
        const store = new AnswerStore<{ context: string; sinceMs: number; n: number }>(100)
        const newest = new Map<string, number>()
        let nowMs = 0
        for (const [n, one] of list.entries()) {
          nowMs += one.wait
          const vector = Float32Array.from(one.vector)
          const exact = `${one.context}/${one.exact}`
          if (one.act === 'keep') {
            const sinceMs = nowMs
            const answer = { context: one.context, sinceMs, n }
            const { context } = one
            store.keep(exact, { answer, bytes: one.bytes, sinceMs }, { context, vector })
            newest.set(exact, n)
          } else {
            const found =
              one.act === 'find'
                ? store.find(exact, { nowMs, ttlMs: one.ttl })
                : store.findNear(one.context, vector, { threshold: 0.9, nowMs, ttlMs: one.ttl })
            if (found !== null) {
              expect(found.sinceMs + one.ttl).toBeGreaterThan(nowMs)
              expect(found.context).toBe(one.context)
              expect([...newest.values()]).toContain(found.n) // never one that was replaced
            }
          }
          expect(store.bytes).toBeLessThanOrEqual(100)
          if (store.size === 0) expect(store.bytes).toBe(0)
        }
      }),
      { numRuns: 500 },
    )
  })

  const fresh = { nowMs: 0, ttlMs: 9 }
  const keepIn = (store: AnswerStore<string>, name: string, vector: readonly number[], bytes = 1) =>
    store.keep(
      name,
      { answer: name, bytes, sinceMs: 0 },
      { context: 'c', vector: Float32Array.from(vector) },
    )
  const nearIn = (store: AnswerStore<string>, vector: readonly number[], threshold = 0.9) =>
    store.findNear('c', Float32Array.from(vector), { threshold, ...fresh })

  test('an answer that is larger than the store is not kept, and costs no other one its place (C4)', () => {
    const store = new AnswerStore<string>(10)
    keepIn(store, 'small', [1, 0], 1)
    keepIn(store, 'huge', [0, 1], 11)
    expect([store.find('small', fresh), store.find('huge', fresh), store.size]).toEqual([
      ...['small', null, 1],
    ])
    keepIn(store, 'full', [0, 1], 10)
    expect([store.find('small', fresh), store.find('full', fresh)]).toEqual([null, 'full'])
  })

  test('the same question is found at a threshold of one, whatever its length', () => {
    const store = new AnswerStore<string>(10)
    keepIn(store, 'a', [0.1, 0.2, 0.3])
    expect(nearIn(store, [0.3, 0.6, 0.9], 1)).toBe('a')
    expect(nearIn(store, [0.3, 0.6, 0.8], 1)).toBeNull()
  })

  test('of a context the last 256 questions are compared', () => {
    const store = new AnswerStore<string>(1_000)
    const around = (i: number) => [Math.cos(i / 100), Math.sin(i / 100)]
    for (let i = 0; i < 256; i++) keepIn(store, `q${i}`, around(i))
    expect(nearIn(store, around(0), 1)).toBe('q0')
    keepIn(store, 'q256', around(256))
    expect(nearIn(store, around(0), 1)).toBeNull()
    expect(nearIn(store, around(1), 1)).toBe('q1')
    expect(store.find('q0', fresh)).toBe('q0') // by what was asked
  })

  test('what is kept anew is compared by what it means now', () => {
    const store = new AnswerStore<string>(10)
    keepIn(store, 'a', [1, 0])
    keepIn(store, 'b', [1, 0.01])
    keepIn(store, 'a', [0, 1])
    expect(nearIn(store, [1, 0])).toBe('b')
    expect(nearIn(store, [0, 1])).toBe('a')
  })

  test('a vector without a direction is like none', () => {
    const store = new AnswerStore<string>(10)
    keepIn(store, 'none', [0, 0])
    keepIn(store, 'east', [1, 0])
    expect([nearIn(store, [0, 0]), nearIn(store, [Infinity, 0]), nearIn(store, [1, 0])]).toEqual([
      ...[null, null, 'east'],
    ])
    expect([store.find('none', fresh), unitOf(Float32Array.of(0, 0))]).toEqual(['none', null])
    expect(unitOf(Float32Array.of(Infinity))).toBeNull()
  })

  test('the one that was used longest ago goes first; the nearest question is the one', () => {
    const store = new AnswerStore<string>(2)
    keepIn(store, 'a', [1, 0])
    keepIn(store, 'b', [0.9, 0.1])
    expect(nearIn(store, [1, 0.12])).toBe('b')
    expect(nearIn(store, [0, 1])).toBeNull()
    expect(store.find('a', fresh)).toBe('a')
    keepIn(store, 'd', [0, 1])
    expect(['a', 'b', 'd'].map((name) => store.find(name, fresh))).toEqual(['a', null, 'd'])
    expect(cosine(Float32Array.of(1), Float32Array.of(1, 2))).toBe(-1)
    expect(cosine(Float32Array.of(0.6, 0.8), Float32Array.of(0.8, 0.6))).toBeCloseTo(0.96)
  })
})
