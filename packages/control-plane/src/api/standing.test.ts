import { expect, test } from 'vitest'
import type { Caller } from './ports.ts'
import { standingOf } from './standing.ts'

const principal = { type: 'User', id: 'a', roles: [], project: 'default', key: 'a' } as const
const whyMayNot = async () => null
const asking = (now: Caller['now']): Caller => ({ principal, approvalKey: undefined, now })

test('while the database is away nobody is taken to have lost a right', async () => {
  const away = Object.assign(new Error('it is gone'), { code: 'CONNECTION_CLOSED' })
  const caller = asking(() => Promise.reject(away))
  expect(await standingOf(caller, whyMayNot)).toEqual({ phase: 'unknown' })
  const bug = asking(() => Promise.reject(new Error('a bug')))
  await expect(standingOf(bug, whyMayNot)).rejects.toThrow('a bug')
})

test('the right is asked for whoever the key stands for now', async () => {
  const caller = asking(async () => ({ ...caller, principal: { ...principal, id: 'b' } }))
  const mayB = async ({ id }: { readonly id: string }) => (id === 'b' ? null : 'it is not b')
  expect(await standingOf(caller, mayB)).toMatchObject({ phase: 'holds', principal: { id: 'b' } })
  const mayA = async ({ id }: { readonly id: string }) => (id === 'a' ? null : 'it is not a')
  expect(await standingOf(caller, mayA)).toEqual({ phase: 'ended' })
})
