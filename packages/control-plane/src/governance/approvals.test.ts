// Models, policy and approvals over the API.

import { canonicalJson, signingPrefix } from '@tutti/core/resource'
import { didKeyOf, newPrivateKey, signText } from '@tutti/ledger'
import { describe, expect, test } from 'vitest'
import {
  adminApproval,
  apply,
  call,
  makeKey,
  pushModel,
  readLog,
  sha256,
  usePlane,
} from '../test-plane.fixture.ts'

usePlane()

describe('models and approvals', () => {
  test('a model never changes; an unsigned one is not deployed, with policy, reason and remedy', async () => {
    expect((await pushModel('m', 'v1')).status).toBe(201)
    const { body } = await call('GET', '/models/m:v1')
    const changed = await apply('Model', 'm:v1', { ...body.spec, task: 'another' })
    expect(changed.body.error.message).toContain('never changes')
    await pushModel('m', 'raw', false)
    const denied = await apply('Deployment', 'raw', { model: 'm:raw' })
    expect(denied.status).toBe(403)
    expect(denied.body.error.denials[0]).toMatchObject({
      id: 'signed-models/signed-models-only',
      reason: expect.stringContaining('signed'),
      fix: expect.stringContaining('model push'),
      clause: expect.stringContaining('forbid'),
    })
  })

  const askProduction = (name: string, more = {}) =>
    apply('Deployment', name, { model: 'm:v1', environment: 'production', ...more })

  function sign(approval: { spec: Record<string, string> }, approver: string, key = adminApproval) {
    const { changeDigest, policySet, requestedBy, expiresAtMs } = approval.spec
    const statement = canonicalJson({
      ...{ format: 'tutti/approval/v1', change: changeDigest, policySet, requestedBy, expiresAtMs },
      approver: `User::"${approver}"`,
    })
    return { statement, signature: signText(key, signingPrefix.approval, statement) }
  }

  const approve = (name: string, signed: object, key?: string) =>
    call('POST', `/approvals/${name}/approve`, signed, key === undefined ? {} : { key })

  test('production waits for somebody else’s signature over exactly this change (P1, P3)', async () => {
    const own = newPrivateKey()
    const bea = await makeKey('bea', ['approver'], { approvalKey: didKeyOf(own) })
    const nokey = await makeKey('nokey', ['approver'])
    const asked = await askProduction('prod')
    expect([asked.status, asked.body.outcome]).toEqual([202, 'needs-approval'])
    const { approval } = asked.body
    const { name } = approval.metadata
    expect((await askProduction('prod')).body.approval.metadata.name).toBe(name)
    expect((await approve(name, sign(approval, 'admin'))).body.error.message).toContain(
      'asked for this change',
    )
    expect((await approve(name, sign(approval, 'nokey', own), nokey)).body.error.message).toContain(
      'no approvalKey',
    )
    expect(
      (await approve(name, sign(approval, 'bea', newPrivateKey()), bea)).body.error.message,
    ).toContain('not signed by')
    const other = {
      ...approval,
      spec: { ...approval.spec, changeDigest: sha256('another change') },
    }
    expect((await approve(name, sign(other, 'bea', own), bea)).status).toBe(409)
    expect((await call('GET', '/deployments/prod')).status).toBe(404)
    const done = await approve(name, sign(approval, 'bea', own), bea)
    expect(done.body).toMatchObject({ outcome: 'committed', action: 'create' })
    const records = (await readLog()).items.map((item: { body: string }) => JSON.parse(item.body))
    const record = records.find(
      (r: { resource: string }) => r.resource === 'Deployment/default/prod',
    )
    expect(record.approvals).toHaveLength(1)
    expect(record.principal).toBe('User::"admin"')
  })

  test('an approval is void once the resource has changed', async () => {
    const own = newPrivateKey()
    const cleo = await makeKey('cleo', ['approver'], { approvalKey: didKeyOf(own) })
    expect((await apply('Deployment', 'dev', { model: 'm:v1' })).status).toBe(201)
    const { approval } = (await askProduction('dev')).body
    expect(
      (await apply('Deployment', 'dev', { model: 'm:v1', strategy: { soakMs: 1 } })).status,
    ).toBe(200)
    const { name } = approval.metadata
    const overtaken = {
      phase: 'void',
      reason: 'the resource has changed since it was asked for',
    }
    expect((await call('GET', `/approvals/${name}`)).body.status).toEqual(overtaken)
    const late = await approve(name, sign(approval, 'cleo', own), cleo)
    expect(late.status).toBe(409)
    expect((await call('GET', `/approvals/${name}`)).body.status).toEqual(overtaken)
  })

  test('an approval that waits under other policies says so, as long as they are others', async () => {
    const { name } = (await askProduction('ruled')).body.approval.metadata
    const status = async () => (await call('GET', `/approvals/${name}`)).body.status
    expect(await status()).toEqual({ phase: 'pending', signed: [] })
    const cedar = 'permit (principal == User::"nobody", action, resource);'
    expect((await apply('Policy', 'more', { cedar })).status).toBe(201)
    const reason = 'the policies have changed since it was asked for'
    expect(await status()).toEqual({ phase: 'pending', signed: [], reason })
    expect((await call('DELETE', '/policies/more')).status).toBe(200)
    expect(await status()).toEqual({ phase: 'pending', signed: [] })
  })

  test('who may not change production cannot get it by asking for approval', async () => {
    const viewer = await makeKey('vic', ['viewer'])
    const asked = await apply(
      'Deployment',
      'theft',
      { model: 'm:v1', environment: 'production' },
      { key: viewer },
    )
    expect([asked.status, asked.body.error.code]).toEqual([403, 'api/denied'])
    const { body } = await call('GET', '/approvals')
    const names = body.items.map(
      (item: { spec: { change: { name: string } } }) => item.spec.change.name,
    )
    expect(names).not.toContain('theft')
  })

  test('who asked cannot approve, nor can automation’s name or a viewer with a key', async () => {
    const own = newPrivateKey()
    const roles = ['operator', 'approver']
    const opal = await makeKey('opal', roles, { approvalKey: didKeyOf(own) })
    const spec = { model: 'm:v1', environment: 'production' }
    const asked = await apply('Deployment', 'selfish', spec, { key: opal })
    expect(asked.status).toBe(202)
    const { approval } = asked.body
    const { name } = approval.metadata
    const self = await approve(name, sign(approval, 'opal', own), opal)
    expect(self.body.error.message).toContain('asked for this change')
    const vera = await makeKey('vera', ['viewer'], { approvalKey: didKeyOf(own) })
    expect((await approve(name, sign(approval, 'vera', own), vera)).body.error.message).toContain(
      'no policy permits',
    )
    const keyless = await makeKey('wim', ['viewer'])
    const unable = await approve(name, sign(approval, 'wim', own), keyless)
    expect(unable.body.error.message).toContain('no policy permits') // a key would not help
    const garbage = { statement: '{', signature: sign(approval, 'opal', own).signature }
    expect((await approve(name, garbage, opal)).body.error.message).toContain('malformed')
    expect((await call('GET', '/deployments/selfish')).status).toBe(404)
  })

  test('who may approve may say no, who asked may take it back, and nobody else either', async () => {
    const own = newPrivateKey()
    const rosa = await makeKey('rosa', ['approver'], { approvalKey: didKeyOf(own) })
    const vito = await makeKey('vito', ['viewer'])
    const reject = (name: string, key?: string, reason = '') =>
      call('POST', `/approvals/${name}/reject`, { reason }, key === undefined ? {} : { key })
    const asked = async (name: string) => (await askProduction(name)).body.approval
    const first = await asked('rejected')
    const { name } = first.metadata
    expect((await reject(name, vito)).body.error.message).toContain('no policy permits')
    expect((await reject(name, rosa, 'no\u001b[2J')).body.error.message).toContain('one line')
    const no = await reject(name, rosa, 'not before Monday')
    const reason = 'rejected by User::"rosa": not before Monday'
    expect([no.status, no.body]).toEqual([200, { outcome: 'void', reason }])
    expect((await call('GET', `/approvals/${name}`)).body.status).toEqual({ phase: 'void', reason })
    expect((await approve(name, sign(first, 'rosa', own), rosa)).body.error.message).toContain(
      reason,
    )
    expect((await reject(name, rosa)).body.error.message).toContain('it is void: rejected by')
    const second = await asked('withdrawn')
    const back = await reject(second.metadata.name)
    expect(back.body).toEqual({ outcome: 'void', reason: 'withdrawn by User::"admin"' })
    const third = await asked('accepted')
    const signed = await approve(third.metadata.name, sign(third, 'rosa', own), rosa)
    expect(signed.body.outcome).toBe('committed')
    expect((await reject(third.metadata.name, rosa)).body.error.message).toContain(
      'applied already',
    )
    expect((await reject('nothing', rosa)).status).toBe(404)
    const last = (await readLog()).items.map((item: { body: string }) => JSON.parse(item.body))
    const said = last.map(({ summary }: { summary: string }) => summary)
    expect(said).toContainEqual(expect.stringContaining(`${name} is ${reason}`))
    expect((await call('GET', '/deployments/rejected')).status).toBe(404)
  })

  test('a secret that waits for approval stands nowhere in the clear, and is applied as it was', async () => {
    const cedar = `@id("secrets") @approvals("1") forbid(principal, action == Action::"create",
      resource is Secret) unless { context.approvals >= 1 };`
    expect((await apply('Policy', 'secrets', { cedar })).status).toBe(201)
    const value = 'sk-waits-for-approval'
    const asked = await apply('Secret', 'waits', { value })
    expect(asked.status).toBe(202)
    const { approval } = asked.body
    const own = newPrivateKey()
    const dana = await makeKey('dana', ['approver'], { approvalKey: didKeyOf(own) })
    const seen = await call('GET', '/approvals')
    expect(JSON.stringify([asked.body, seen.body])).not.toContain(value)
    const done = await approve(approval.metadata.name, sign(approval, 'dana', own), dana)
    expect([done.status, done.body.outcome]).toEqual([201, 'committed'])
    expect(JSON.stringify([done.body, await readLog()])).not.toContain(value)
    expect((await apply('Secret', 'waits', { value })).body.outcome).toBe('unchanged')
    expect((await call('DELETE', '/policies/secrets')).status).toBe(200)
  })

  test('an approved change is applied with the rights that its requester has by then', async () => {
    const own = newPrivateKey()
    const ewan = await makeKey('ewan', ['approver'], { approvalKey: didKeyOf(own) })
    const spec = { model: 'm:v1', environment: 'production' }
    const ask = async (name: string, key: string) =>
      (await apply('Deployment', name, spec, { key })).body.approval
    const phaseOf = async (name: string) => (await call('GET', `/approvals/${name}`)).body.status

    const leaver = await makeKey('lea', ['operator'])
    const left = await ask('of-a-leaver', leaver)
    expect((await call('DELETE', '/keys/lea')).status).toBe(200)
    const name = left.metadata.name
    const gone = await approve(name, sign(left, 'ewan', own), ewan)
    expect([gone.status, gone.body.error.message]).toEqual([
      409,
      expect.stringContaining('has ended'),
    ])
    expect(await phaseOf(name)).toMatchObject({ phase: 'void' })

    const mover = await makeKey('moira', ['operator'])
    const moved = await ask('of-a-mover', mover)
    const demoted = { owner: 'moira', roles: ['viewer'], hash: sha256(mover) }
    expect((await apply('Key', 'moira', demoted)).status).toBe(200)
    const denied = await approve(moved.metadata.name, sign(moved, 'ewan', own), ewan)
    expect([denied.status, denied.body.error.code]).toEqual([403, 'api/denied'])
    expect(await phaseOf(moved.metadata.name)).toMatchObject({ phase: 'void' })
    for (const deployment of ['of-a-leaver', 'of-a-mover']) {
      expect((await call('GET', `/deployments/${deployment}`)).status).toBe(404)
    }
  })

  test('a Project that something came into while its deletion waited stays, and that is said', async () => {
    const cedar = `@id("two") @reason("two must agree") @fix("tutti approve") @approvals("1")
      forbid(principal is User, action == Action::"delete", resource is Project)
      unless { context.approvals >= 1 };`
    expect((await apply('Policy', 'two', { cedar })).status).toBe(201)
    const own = newPrivateKey()
    const ines = await makeKey('ines', ['approver'], { approvalKey: didKeyOf(own) })
    await apply('Project', 'late', {})
    const { approval } = (await call('DELETE', '/projects/late')).body
    const { name } = approval.metadata
    await makeKey('lars', ['caller'], {}, 'late')
    const held = await approve(name, sign(approval, 'ines', own), ines)
    const reason = expect.stringContaining('late still holds keys (1)')
    expect([held.status, held.body.error.message]).toEqual([409, reason])
    const { body } = await call('GET', `/approvals/${name}`)
    expect(body.status).toEqual({ phase: 'void', reason })
    expect((await call('GET', '/projects/late')).status).toBe(200)
    expect((await call('DELETE', '/policies/two')).status).toBe(200)
  })

  test('a change and the approval that let it pass are one transaction', async () => {
    const keys = await Promise.all(
      ['finn', 'gwen', 'hugo'].map(async (owner) => {
        const own = newPrivateKey()
        const secret = await makeKey(owner, ['approver'], { approvalKey: didKeyOf(own) })
        return { owner, own, secret }
      }),
    )
    const { approval } = (await askProduction('at-once')).body
    const { name } = approval.metadata
    const answers = await Promise.all(
      keys.map(({ owner, own, secret }) => approve(name, sign(approval, owner, own), secret)),
    )
    const done = answers.filter(({ status }) => status === 201)
    expect(done).toHaveLength(1)
    const { body } = await call('GET', `/approvals/${name}`)
    expect([body.status.phase, body.status.signed.length]).toEqual(['applied', 1])
    const records = (await readLog()).items.map((item: { body: string }) => JSON.parse(item.body))
    const of = (resource: string) =>
      records.filter((record: { resource: string }) => record.resource === resource)
    expect(of('Deployment/default/at-once')).toHaveLength(1)
    const [asked, signed] = of(`Approval/default/${name}`)
    expect([asked.action, signed.action]).toEqual(['create', 'approve'])
    expect(of(`Approval/default/${name}`)).toHaveLength(2)
  })

  test('moving production out of production needs approval too', async () => {
    const asked = await apply('Deployment', 'prod', { model: 'm:v1', environment: 'development' })
    expect(asked.body.outcome).toBe('needs-approval')
  })
})
