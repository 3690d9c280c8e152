import { expect, test } from 'vitest'
import { formatFamily, formatSeries, joinFamilies } from './metric-families.ts'

const about = {
  attempts: `# HELP tutti_gateway_attempts_total Attempts at targets, those that failed included.
# TYPE tutti_gateway_attempts_total counter
`,
  seconds: `# HELP tutti_gateway_request_seconds Time until answers were whole, since the start.
# TYPE tutti_gateway_request_seconds summary
`,
}

test('a family says what it is, before its series; one without series is not there', () => {
  const text = formatFamily('attempts_total', [
    ['route="a/b"', 2],
    ['', 1],
  ])
  expect(text).toBe(
    `${about.attempts}tutti_gateway_attempts_total{route="a/b"} 2\ntutti_gateway_attempts_total 1\n`,
  )
  expect(formatFamily('attempts_total', [])).toBe('')
})

test('families of several workers are told once, all their series behind them', () => {
  const summary = (value: number) =>
    formatFamily('request_seconds', [['quantile="0.5"', value]]) +
    formatSeries('request_seconds_count', [['', value]])
  const attempts = (worker: number) => formatFamily('attempts_total', [[`worker="${worker}"`, 1]])
  const dropped = formatFamily('spans_dropped_total', [['', 7]])
  const series = (value: number) =>
    `tutti_gateway_request_seconds{quantile="0.5"} ${value}\ntutti_gateway_request_seconds_count ${value}\n`
  const both = [1, 2].map((worker) => `tutti_gateway_attempts_total{worker="${worker}"} 1\n`)
  expect(joinFamilies([attempts(1) + summary(3), dropped + attempts(2) + summary(4)])).toBe(
    about.attempts + both.join('') + about.seconds + series(3) + series(4) + dropped,
  )
})
