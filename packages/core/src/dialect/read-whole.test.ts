import { expect, test } from 'vitest'
import { readOpenaiWhole } from './read-whole.ts'

const choices = [{ message: { content: 'hi' }, finish_reason: 'stop' }]
const error = { message: 'no', code: 404 }

test.each([
  [{ error }, 'error'],
  [{ error: 'no' }, 'error'],
  [{ error, choices: [] }, 'error'],
  [{ error: {} }, 'incomplete'],
  [{ message: 'hi' }, 'incomplete'],
  [{ error: null, choices }, 'complete'],
  [{ error, choices: [{ ...choices[0], finish_reason: 'error' }] }, 'incomplete'],
])('in OpenAI’s dialect %j is %s', (body, kind) => {
  expect(readOpenaiWhole(JSON.stringify(body)).kind).toBe(kind)
})
