import { readFacts } from '@tutti/core/routing'
import { expect, test } from 'vitest'
import { type Asker, compileCondition, conditionContext, whyNoCondition } from './condition.ts'

const asker: Asker = {
  key: { id: 'app', hash: '', project: 'default', owner: 'ann' },
  ...{ requestId: 'r', model: 'chat', dialect: 'openai', stream: true },
  header: () => '',
  headers: () => ({ 'x-tier': 'gold' }),
  facts: () =>
    readFacts(
      { tools: [{ function: { name: 'find' } }], max_tokens: 9 },
      { dialect: 'openai', path: '' },
    ),
}
const ask = (text: string) => compileCondition(text)(conditionContext(asker))

test('every variable is there, of the type that it is declared with', () => {
  const all = [
    'request.model == "chat" && request.dialect == "openai" && request.stream',
    '"find" in request.tools && "tools" in request.capabilities',
    'size(request.modalities) == 0 && request.textLength == 4 && request.outputTokens == 9',
    'request.messages == 0 && request.user == "" && request.lastText == ""',
    'size(request.metadata) == 0 && request.headers["x-tier"] == "gold"',
    'key.id == "app" && key.owner == "ann" && key.project == "default"',
  ]
  for (const text of all) {
    expect(whyNoCondition(text)).toBeNull()
    expect(ask(text)).toBe('holds')
  }
})

test('a limit without end is a number, too', () => {
  const face = { dialect: 'openai', path: '' } as const
  const facts = () => readFacts(JSON.parse('{"max_tokens":1e999}'), face)
  const context = conditionContext({ ...asker, facts })
  expect(compileCondition('request.outputTokens > 1000000')(context)).toBe('holds')
})

test('what has no answer holds for nobody', () => {
  expect(ask('request.stream == false')).toBe('fails')
  expect(ask('request.metadata.tier == "gold"')).toBe('broken')
  expect(ask('request.lastText.matches("a")')).toBe('broken')
  expect(ask('request.textLength')).toBe('broken')
  expect(ask('(')).toBe('broken')
})
