import { expect, test } from 'vitest'
import { openLog } from './open-log.ts'

test('the log says what an error says', () => {
  const lines: string[] = []
  const log = openLog('info', (line) => lines.push(line))
  log.error({ error: Object.assign(new Error('no room'), { code: '53100' }) }, 'a request failed')
  log.warn({ error: 'a text' }, 'so it is')
  log.debug('not asked for')
  const told = lines.map((line) => JSON.parse(line))
  expect(told).toMatchObject([
    { service: 'control-plane', msg: 'a request failed', error: { message: 'no room' } },
    { error: 'a text', msg: 'so it is' },
  ])
  expect(told[0].error.code).toBe('53100')
})
