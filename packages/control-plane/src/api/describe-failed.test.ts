import { expect, test } from 'vitest'
import { Failure } from '../failure.ts'
import { describeFailed } from './describe-failed.ts'

const postgres = (code: string) =>
  Object.assign(new Error('it failed'), { name: 'PostgresError', code })

test('who hears that it was not done, or that nobody knows, hears why', () => {
  const full = { code: 'api/unavailable', message: expect.stringContaining('disk') }
  expect(describeFailed(postgres('53100'))).toEqual(full)
  expect(describeFailed(new Failure('control-plane/disk-full', 'no room'))).toEqual(full)
  const away = { code: 'api/unavailable', message: expect.stringContaining('database is away') }
  expect(describeFailed(postgres('57P03'))).toEqual(away)
  expect(describeFailed(new Error('a bug')).code).toBe('api/internal')
  const later = new Failure('control-plane/database-unreachable', 'later', { retryable: true })
  expect(describeFailed(later)).toEqual({ code: 'api/unavailable', message: 'later' })
})
