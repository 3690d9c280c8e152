import { expect, test } from 'vitest'
import { whyNoCondition } from './why-no-condition.ts'

test.each([
  ['request.textLength > 1000 && "search" in request.tools'],
  ['request.tools.exists(name, name.startsWith("db_")) || key.owner == "ann"'],
  ['"tier" in request.metadata && request.metadata.tier == "gold"'],
])('%s is a condition', (text) => {
  expect(whyNoCondition(text)).toBeNull()
})

test.each([
  ['request.textLength >', 'EOF'],
  ['request.colour == "red"', 'No such key: colour'],
  ['request.textLength', 'expected a condition, got a value of type int'],
  ['request.textLength > "a"', '>'],
  ['request.lastText.matches("(a+)+$")', 'a pattern can take for ever'],
  ['key.id.matches("a") ? true : false', 'a pattern can take for ever'],
  [
    'request.tools.all(a, request.tools.all(b, request.tools.all(c, a == b && b == c)))',
    'loops are 2 deep at most',
  ],
  [`request.stream${' || request.stream'.repeat(600)}`, ''],
])('%s is none', (text, why) => {
  expect(whyNoCondition(text)).toContain(why)
})
