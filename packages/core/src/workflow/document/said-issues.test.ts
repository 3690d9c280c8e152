import { expect, test } from 'vitest'
import { parseWorkflow } from './workflow-document.ts'

const wrongOf = (task: object) => {
  const document = { dsl: '1.0.3', namespace: 'test', name: 'said', version: '1.0.0' }
  const parsed = parseWorkflow({ document, do: [{ a: task }] })
  return parsed.ok ? [] : parsed.findings.map(({ path, message }) => `${path}: ${message}`)
}

test('what is one of several things is told what it lacks of the one that it looks like', () => {
  const form = 'an ISO 8601 duration, its parts, or an expression'
  expect(wrongOf({ wait: 'soon' })).toEqual([`do.0.a.wait: ${form}`])
  expect(wrongOf({ wait: { hour: 1 } })[0]).toContain('"hour"')
  expect(wrongOf({ set: { a: 1 }, timeout: { after: 'soon' } })).toEqual([
    `do.0.a.timeout.after: ${form}`,
  ])
  expect(wrongOf({ raise: { error: { type: 'https://e' } } })).toEqual([
    expect.stringContaining('do.0.a.raise.error.status: '),
  ])
  expect(wrongOf({ set: 1 })).toEqual([
    'do.0.a.set: expected string, received number, or expected record, received number',
  ])
})
