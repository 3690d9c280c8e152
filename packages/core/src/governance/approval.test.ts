import { describe, expect, test } from 'vitest'
import { type ApprovalSpec, type ApprovalStatus, decideApproval } from './approval.ts'
import type { ApprovalStatement } from './change.ts'
import { type DecidingPolicy, decideVerdict } from './policy.ts'

const digest = (c: string) => `sha256:${c.repeat(64)}`
const spec: ApprovalSpec = {
  change: {
    ...{ action: 'update', kind: 'Deployment', project: 'default', name: 'parts' },
    ...{ baseGeneration: 1, declared: {} },
  },
  ...{ changeDigest: digest('c'), policySet: digest('e'), requestedBy: 'User::"ann"' },
  ...{ requester: { id: 'ann', project: 'default', key: 'ann' }, approvalsNeeded: 2, because: [] },
  expiresAtMs: 1_000,
}
const pending: ApprovalStatus = { phase: 'pending', signed: [] }
const statement: ApprovalStatement = {
  ...{ format: 'tutti/approval/v1', change: digest('c'), policySet: digest('e') },
  ...{ requestedBy: 'User::"ann"', approver: 'User::"bob"', expiresAtMs: 1_000 },
}
const now = { atMs: 0, policySet: digest('e') }
const by = (approver: string, change: Partial<ApprovalStatement> = {}) => ({
  approver,
  statement: { ...statement, approver, ...change },
})
const signedBy = (approver: string) => ({
  statement: JSON.stringify({ ...statement, approver }),
  signature: '',
})
const reason = (...args: Parameters<typeof decideApproval>) => {
  const decision = decideApproval(...args)
  return decision.ok ? 'ok' : decision.reason
}

describe('approval', () => {
  test('counts one by one until there are enough', () => {
    expect(decideApproval(spec, pending, by('User::"bob"'), now)).toEqual({
      ok: true,
      enough: false,
    })
    const one: ApprovalStatus = { phase: 'pending', signed: [signedBy('User::"eve"')] }
    expect(decideApproval(spec, one, by('User::"bob"'), now)).toEqual({ ok: true, enough: true })
  })

  test('P1: not by whoever asked, and nobody counts twice', () => {
    expect(reason(spec, pending, by('User::"ann"'), now)).toContain('asked for this change')
    const one: ApprovalStatus = { phase: 'pending', signed: [signedBy('User::"bob"')] }
    expect(reason(spec, one, by('User::"bob"'), now)).toContain('approved it already')
  })

  test('P2: automation and nodes never approve', () => {
    for (const who of ['Automation::"rollout"', 'Node::"n1"', 'bob', '']) {
      expect(reason(spec, pending, by(who), now)).toContain('not a person')
    }
  })

  test('P3: it counts for the change and the policies that it names, and no others', () => {
    const bob = 'User::"bob"'
    expect(reason(spec, pending, by(bob, { change: digest('d') }), now)).toContain('is over')
    expect(reason(spec, pending, by(bob, { policySet: digest('f') }), now)).toContain('is over')
    expect(reason(spec, pending, by(bob), { ...now, policySet: digest('f') })).toContain(
      'policies have changed',
    )
  })

  test('nobody passes another’s statement off as their own', () => {
    const stolen = { approver: 'User::"eve"', statement }
    expect(reason(spec, pending, stolen, now)).toContain('other people')
    const other = by('User::"bob"', { requestedBy: 'User::"eve"' })
    expect(reason(spec, pending, other, now)).toContain('other people')
  })

  test('time runs out, for the request and for the statement', () => {
    const bob = by('User::"bob"')
    expect(reason(spec, pending, bob, { ...now, atMs: 999 })).toBe('ok')
    expect(reason(spec, pending, bob, { ...now, atMs: 1_000 })).toContain('expired')
    const short = by('User::"bob"', { expiresAtMs: 5 })
    expect(reason(spec, pending, short, { ...now, atMs: 5 })).toContain('statement has expired')
  })

  test('what is over is over, and what is malformed says so', () => {
    const bob = by('User::"bob"')
    expect(reason(spec, { phase: 'void', reason: 'moved' }, bob, now)).toContain('void: moved')
    expect(reason(spec, { phase: 'applied', signed: [] }, bob, now)).toContain('applied already')
    for (const bad of [null, 'x', {}, { ...statement, more: 1 }]) {
      const presented = { approver: 'User::"bob"', statement: bad }
      expect(reason(spec, pending, presented, now)).toContain('malformed')
    }
  })
})

describe('verdict', () => {
  const policy = (id: string, approvals = 0): DecidingPolicy => ({
    ...{ id, reason: 'r', fix: 'f', clause: 'c', approvals },
  })
  const answer = (allowed: boolean, ...determining: DecidingPolicy[]) => ({
    ...{ allowed, determining, errors: [] },
  })

  test('allowed, denied, and denied by nobody: each says by what', () => {
    expect(decideVerdict(answer(true, policy('a')))).toEqual({ kind: 'allow', policies: ['a'] })
    expect(decideVerdict(answer(false, policy('b')))).toMatchObject({ kind: 'deny' })
    expect(decideVerdict(answer(false))).toMatchObject({ denials: [{ id: 'default-deny' }] })
  })

  test('waits for approvals only where approvals lift every denial, and for the most of them', () => {
    expect(decideVerdict(answer(false, policy('a', 1), policy('b', 3)))).toMatchObject({
      ...{ kind: 'needs-approval', approvals: 3 },
    })
    expect(decideVerdict(answer(false, policy('a', 1), policy('b')))).toMatchObject({
      kind: 'deny',
    })
  })

  test('an error in a policy fails closed, even where Cedar allows', () => {
    const failed = { ...answer(true, policy('a')), errors: ['roles: no such attribute'] }
    expect(decideVerdict(failed)).toMatchObject({ kind: 'deny', denials: [{ id: 'policy-error' }] })
  })
})
