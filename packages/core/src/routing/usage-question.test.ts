import { expect, test } from 'vitest'
import { answerOfUsage, parseUsageQuestion, refuseProjects } from './usage-question.ts'

const hourMs = 3_600_000
const nowMs = 1_000 * 24 * hourMs + 17

const questionOf = (query: Readonly<Record<string, string>>) => {
  const parsed = parseUsageQuestion(query, nowMs)
  if (!parsed.ok) throw new Error(parsed.message)
  return parsed.question
}

test('the last week by project is asked for where nothing else is, from the beginning of an hour', () => {
  const sinceMs = nowMs - 17 - 7 * 24 * hourMs
  expect(questionOf({})).toEqual({ project: undefined, by: ['project'], sinceMs, untilMs: nowMs })
  const own = { project: 'team', by: 'day,key,day', since: `${2 * hourMs + 5}`, until: '9000000' }
  expect(questionOf(own)).toEqual({
    ...{ project: 'team', by: ['day', 'key'], sinceMs: 2 * hourMs, untilMs: 9_000_000 },
  })
})

test.each([
  [{ by: 'modle' }, /^by: expected one of hour, .* model, got modle: did you mean model\?$/],
  [{ by: 'key,,day' }, /^by: .*got nothing$/],
  [{ by: 'qqqqqqqqqq' }, /got qqqqqqqqqq$/],
  [{ by: 'day,day,day,day,day,day,day' }, /^by: expected at most 6 of them$/],
  [{ since: 'yesterday' }, /^since: expected milliseconds since 1970$/],
  [{ since: '-1' }, /^since: expected milliseconds since 1970$/],
  [{ until: '1.5' }, /^until: expected milliseconds since 1970$/],
])('%j is refused in words that say what is expected', (query, message) => {
  const said = parseUsageQuestion(query as unknown as Record<string, string>, nowMs)
  expect(said).toEqual({ ok: false, code: 'api/invalid', message: expect.stringMatching(message) })
})

test('who may read nothing of it, and who asks for too much, is told so', () => {
  expect(refuseProjects(questionOf({}))).toMatchObject({
    ...{ code: 'api/forbidden', message: 'this key may not read any project' },
  })
  expect(refuseProjects(questionOf({ project: 'team' })).message).toContain('read project team')
  const question = questionOf({ since: '0', until: '5' })
  expect(answerOfUsage(question, null)).toMatchObject({ ok: false, code: 'api/too-large' })
  const rows = [{ project: 'team', requests: 1 }]
  expect(answerOfUsage(question, rows)).toEqual({
    ...{ ok: true, answer: { since: 0, until: 5, by: ['project'], rows } },
  })
})
