// The command line as a person uses it: real processes, a real control plane, a real node.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { file, folder, home, main, parts, tutti, useControlPlane } from './cli-bed.fixture.ts'
import { runPart } from './home/index.ts'

useControlPlane()

async function freePort(): Promise<number> {
  return await new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address()
      const port = typeof address === 'object' && address !== null ? address.port : 0
      server.close(() => resolve(port))
    })
  })
}

describe('user errors are said with where, what and what to do', () => {
  test('an unknown field, the nearest one named', async () => {
    const path = file(
      'field.yaml',
      'apiVersion: tutti/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {model: m:v1, stratgy: {}}\n',
    )
    const { status, err } = await tutti('apply', '-f', path)
    expect(status).toBe(1)
    expect(err).toContain('spec.stratgy: unknown field: did you mean strategy?')
  })

  test('an unknown kind, the nearest one named', async () => {
    const path = file('kind.yaml', 'apiVersion: tutti/v1\nkind: Deploymnt\nmetadata: {name: a}\n')
    expect((await tutti('apply', '-f', path)).err).toContain('did you mean Deployment?')
    expect((await tutti('get', 'ndoes')).err).toContain('did you mean nodes?')
  })

  test('malformed YAML and JSON, with the line', async () => {
    expect((await tutti('apply', '-f', file('bad.yaml', 'a: [1, 2\nb: }'))).err).toMatch(/line \d/)
    expect((await tutti('apply', '-f', file('bad.json', '{"a": '))).err).toContain(
      'not YAML or JSON',
    )
    expect((await tutti('apply', '-f', file('empty.yaml', ''))).err).toContain('the file is empty')
    expect((await tutti('apply', '-f', join(folder, 'none.yaml'))).err).toContain('cannot read')
    const both = await tutti('delete', 'project', 'a', '-f', join(folder, 'none.yaml'))
    expect(both.err).toContain('expected KIND NAME or -f FILE, got both')
  })

  test('a huge file and a bomb of aliases are refused before they unfold', async () => {
    const huge = file('huge.yaml', `a: "${'x'.repeat(5_000_000)}"`)
    expect((await tutti('apply', '-f', huge)).err).toContain('expected at most')
    const level = (name: string, of: string) => `${name}: &${name} [${`*${of},`.repeat(9)}*${of}]`
    const names = 'abcdefgh'
    const bomb = [`a: &a [1,1,1,1,1,1,1,1,1,1]`]
    for (let i = 1; i < names.length; i++) bomb.push(level(names[i] ?? '', names[i - 1] ?? ''))
    const { err } = await tutti('apply', '-f', file('bomb.yaml', bomb.join('\n')))
    expect(err).toMatch(/alias/i)
  })

  test('a deployment of a model that is not there', async () => {
    const path = file(
      'ref.yaml',
      'apiVersion: tutti/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {model: m:v1}\n',
    )
    expect((await tutti('apply', '-f', path)).err).toContain(
      'there is no Model m:v1 in project default',
    )
  })

  test('a model whose file has another digest, or is not there', async () => {
    const model = join(folder, 'model')
    mkdirSync(model, { recursive: true })
    const spec = (digest: string) =>
      JSON.stringify({
        model: 'm',
        version: 'v1',
        task: 'test',
        variants: [
          {
            name: 'fp32',
            format: 'onnx',
            precision: 'fp32',
            files: [{ path: 'model.onnx', digest, sizeBytes: 3 }],
            inputs: [],
            outputs: [],
          },
        ],
      })
    writeFileSync(join(model, 'model.json'), spec(`sha256:${'0'.repeat(64)}`))
    expect((await tutti('model', 'push', model)).err).toContain('is not there')
    writeFileSync(join(model, 'model.onnx'), 'abc')
    expect((await tutti('model', 'push', model)).err).toContain('model.yaml says sha256:000')
    writeFileSync(join(model, 'model.json'), '{"model": "m"}')
    expect((await tutti('model', 'push', model)).err).toContain('version')
  })

  test('a model format other than ONNX, GGUF and safetensors', async () => {
    const model = join(folder, 'pickle')
    mkdirSync(model, { recursive: true })
    const variant = {
      name: 'a',
      format: 'pickle',
      precision: 'fp32',
      files: [],
      inputs: [],
      outputs: [],
    }
    const spec = { model: 'm', version: 'v1', task: 't', variants: [variant] }
    writeFileSync(join(model, 'model.json'), JSON.stringify(spec))
    expect((await tutti('model', 'push', model)).err).toMatch(/format.*onnx/)
  })

  test('no control plane, no key, a wrong key', async () => {
    const port = await freePort()
    const away = await tutti('get', 'nodes', '--url', `http://127.0.0.1:${port}`)
    expect(away.err).toContain('no control plane answers')
    const stranger = await tutti('get', 'nodes', '--home', join(folder, 'nobody'))
    expect(stranger.err).toContain('run tutti up')
    const wrong = await tutti('get', 'nodes', '--key', 'tutti_wrong')
    expect(wrong.err).toContain('the key is not known here')
  })

  test('one that takes questions and answers none is said while it is waited for', async () => {
    const stopped = createServer((socket) => socket.on('error', () => {})).listen(0, '127.0.0.1')
    await once(stopped, 'listening')
    const address = stopped.address()
    const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`
    for (const way of [
      ['get', 'nodes', '--url', url],
      ['usage', '--gateway', url],
    ]) {
      const args = [main, ...way, '--home', folder, '--key', 'k']
      const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] })
      const ended = once(child, 'exit')
      const [said] = await Promise.race([once(child.stderr, 'data'), ended])
      const fact = `tutti: ${url} has not answered for 5 s: waiting (Ctrl-C ends this command)\n`
      expect(String(said)).toBe(fact)
      child.kill()
      await ended
    }
    stopped.close()
  })

  test('a port that is taken', async () => {
    const port = new URL(parts[0]?.url ?? '').port
    const another = join(folder, 'another-home')
    const { status, err } = await tutti('control-plane', '--port', port, '--home', another)
    expect(status).toBe(1)
    expect(err).toContain('another process has it')
  })

  test('tokens that are none, expired or used', async () => {
    const url = parts[0]?.url ?? ''
    const join1 = ['join', url, '--data', join(folder, 'n1'), '--name', 'n1', '--token']
    expect((await tutti(...join1, 'nonsense')).err).toContain('expected a join token')
    const short = (await tutti('token', '--expires', '0.02')).out.trim()
    await untilExpired(short)
    expect((await tutti(...join1, short)).err).toMatch(/expired at .*by the clock of this machine/)
    const token = (await tutti('token')).out.trim()
    const args = [
      'join',
      url,
      '--home',
      home,
      '--data',
      join(folder, 'n2'),
      '--name',
      'n2',
      '--token',
      token,
    ]
    const node = { name: 'n2', args }
    parts.push(await runPart(node, join(folder, 'logs'), () => {}, new URL(`file://${main}`)))
    expect((await tutti(...join1, token)).err).toContain('used already')
    expect((await tutti('get', 'nodes')).out).toContain('n2')
  })

  test('a key without the role is denied, with the policy', async () => {
    const made = await tutti('key', 'create', 'viewer', '--roles', 'viewer')
    const secret = /tutti_viewer_\S+/.exec(made.out)?.[0] ?? ''
    const path = file(
      'p.yaml',
      'apiVersion: tutti/v1\nkind: Project\nmetadata: {name: other}\nspec: {}\n',
    )
    const { status, err } = await tutti('apply', '-f', path, '--key', secret)
    expect(status).toBe(1)
    const denied = 'denied by default-deny: no policy permits this'
    expect(err).toContain(`viewer (viewer) may not apply Project other: ${denied}`)
    const token = await tutti('token', '--key', secret)
    expect(token.err).toContain(`viewer (viewer) may not admit Node: ${denied}`)
    expect((await tutti('get', 'projects', '--key', secret)).status).toBe(0)
  })

  test('a name that is wrong is heard at once; a file has any order', async () => {
    const nobody = await tutti('key', 'create', 'app', '--routes', 'nonesuch')
    const missing = 'spec.routes.0: there is no Route or Deployment nonesuch in project default'
    expect([nobody.status, nobody.err]).toEqual([1, expect.stringContaining(missing)])
    const spec = (kind: string, name: string, text: string) =>
      `apiVersion: tutti/v1\nkind: ${kind}\nmetadata: {name: ${name}}\nspec: ${text}\n`
    const hash = `sha256:${'0'.repeat(64)}`
    const path = file(
      'backwards.yaml',
      [
        spec('Budget', 'of-app', '{key: app, route: chat, limitDollars: 1}'),
        spec('Key', 'app', `{owner: app, hash: '${hash}', routes: [chat]}`),
        spec('Route', 'chat', '{targets: [{provider: engine, model: m}]}'),
        spec('Provider', 'engine', '{dialect: openai, baseUrl: http://engine.example/v1}'),
      ].join('---\n'),
    )
    const again = file('again.yaml', spec('Budget', 'of-app', '{limitDollars: 2}'))
    const twice = await tutti('diff', '-f', path, again)
    expect(twice.err).toContain(
      `again.yaml: budget/of-app is declared twice, before in ${path} (doc`,
    )
    const planned = await tutti('diff', '-f', path)
    expect([planned.status, planned.err]).toEqual([1, ''])
    const later = (one: string, of: string) =>
      `${one} would come after ${of}: apply that, and ask again`
    expect(planned.out.split('\n').filter((line) => line.includes(' would '))).toEqual([
      'provider/engine would be created',
      later('route/chat', 'provider/engine'),
      later('key/app', 'route/chat'),
      later('budget/of-app', 'key/app'),
    ])
    const made = (await tutti('apply', '-f', path)).out.split('\n')
    const order = ['provider/engine', 'route/chat', 'key/app', 'budget/of-app']
    expect(made.slice(0, 4)).toEqual(order.map((name) => `${name} created`))
    const listed = file('listed.json', (await tutti('get', 'routes', '--json')).out)
    expect((await tutti('apply', '-f', listed)).out).toBe('route/chat unchanged\n')
    // Both are taken away whatever limits them, and the limit is none that could be declared any more.
    expect((await tutti('delete', 'key', 'app')).status).toBe(0)
    const stale = await tutti(
      'apply',
      '-f',
      file('b.yaml', spec('Budget', 'of-app', '{key: app, limitDollars: 2}')),
    )
    expect(stale.err).toContain('spec.key: there is no Key app in project default')
  })

  test('a key of a name that is taken is not made anew unasked; a role that is none is said', async () => {
    const made = await tutti('key', 'create', 'once', '--roles', 'kaller')
    expect(made.err).toContain('role kaller is not built in: it may do only what policies of yours')
    expect(made.err).toContain('Did you mean caller?')
    const before = (await tutti('get', 'key', 'once', '--json')).out
    const again = await tutti('key', 'create', 'once')
    expect(again.status).toBe(1)
    expect(again.err).toContain('there is a Key once already: choose another name, or make it anew')
    expect((await tutti('get', 'key', 'once', '--json')).out).toBe(before)
    const { status, out, err } = await tutti('key', 'create', 'once', '--replace')
    expect([status, err]).toEqual([0, ''])
    expect(out).toContain('key/once updated; its secret')
  })

  test('a key has its limits and its end from the command line', async () => {
    const limits = ['--requests-per-minute', '20', '--concurrent', '2', '--expires', '30d']
    expect((await tutti('key', 'create', 'trial', '--routes', 'chat', ...limits)).status).toBe(0)
    const { spec } = JSON.parse((await tutti('get', 'key', 'trial', '--json')).out)
    expect(spec).toMatchObject({
      ...{ routes: ['chat'], limits: { requestsPerMinute: 20, concurrent: 2 } },
    })
    expect(spec.expiresAtMs).toBeGreaterThan(Date.now() + 29 * 86_400_000)
    for (const wrong of [
      ['--expires', 'soon'],
      ['--tokens-per-minute', '-1'],
    ]) {
      const { status, err } = await tutti('key', 'create', 'wrong', ...wrong)
      expect([status, err]).toEqual([1, expect.stringContaining(`${wrong[0]}: expected`)])
    }
  })
})

/** Waits for the very moment that a token names. */
async function untilExpired(token: string): Promise<void> {
  const text = Buffer.from(token.replace('tutti-join-', ''), 'base64url').toString('utf8')
  const { expiresAtMs } = JSON.parse(text) as { expiresAtMs: number }
  await new Promise((resolve) => setTimeout(resolve, Math.max(0, expiresAtMs - Date.now()) + 5))
}

describe('habits of kubectl', () => {
  test('apply, get, diff, delete', async () => {
    const path = file(
      'proj.yaml',
      'apiVersion: tutti/v1\nkind: Project\nmetadata: {name: p1}\nspec: {}\n',
    )
    const diff = await tutti('diff', '-f', path)
    expect([diff.status, diff.out.includes('would be created')]).toEqual([1, true])
    expect((await tutti('apply', '-f', path)).out).toBe('project/p1 created\n')
    expect((await tutti('apply', '-f', path)).out).toBe('project/p1 unchanged\n')
    expect((await tutti('diff', '-f', path)).status).toBe(0)
    expect((await tutti('get', 'proj')).out).toContain('p1')
    const json: unknown = JSON.parse((await tutti('get', 'project', 'p1', '--json')).out)
    expect(json).toMatchObject({ kind: 'Project', metadata: { name: 'p1', generation: 1 } })
    expect((await tutti('delete', 'project', 'p1')).out).toContain('deleted')
    expect((await tutti('get', 'project', 'p1')).err).toContain('there is no Project p1')
  })

  test('what a file declares is deleted from its end, so that a Project goes once it is empty', async () => {
    const provider = 'spec: {dialect: openai, baseUrl: "https://models.example.com/v1"}'
    const path = file(
      'whole.yaml',
      `apiVersion: tutti/v1\nkind: Project\nmetadata: {name: p2}\nspec: {}
---\napiVersion: tutti/v1\nkind: Provider\nmetadata: {name: e, project: p2}\n${provider}\n`,
    )
    expect((await tutti('apply', '-f', path)).status).toBe(0)
    const held = await tutti('delete', 'project', 'p2')
    expect([held.status, held.err]).toEqual([1, expect.stringContaining('holds providers (1)')])
    expect((await tutti('delete', '-f', path)).out).toBe('provider/e deleted\nproject/p2 deleted\n')
  })

  test('a bare ONNX file becomes a model: init, push, pull, verify', async () => {
    const model = join(folder, 'bare')
    mkdirSync(model)
    const onnx = join(model, 'model.onnx')
    // y = x + 1 over any number of items.
    const addOne =
      'CAg6VQoTCgF4CgZhbW91bnQSAXkiA0FkZBIEdGlueSoSCAEQAUIGYW1vdW50SgQAAIA/WhEKAXgSDAoKCAESBgoACgIIAmIR' +
      'CgF5EgwKCggBEgYKAAoCCAJCBAoAEBE='
    writeFileSync(onnx, Buffer.from(addOne, 'base64'))
    const bare = await tutti('model', 'push', model)
    expect([bare.status, bare.err]).toEqual([1, expect.stringContaining('tutti model init')])
    const init = await tutti('model', 'init', onnx, '--name', 'adder:v1')
    expect([init.status, init.out]).toEqual([0, expect.stringContaining('8 golden cases')])
    expect((await tutti('model', 'init', onnx, '--name', 'adder:v2')).err).toContain('--force')
    expect((await tutti('model', 'push', model)).out).toContain('model/adder:v1 created')
    const copy = join(folder, 'copy')
    expect((await tutti('model', 'pull', 'adder:v1', copy)).status).toBe(0)
    const publisher = join(home, 'publisher.pub.pem')
    const verified = await tutti('model', 'verify', copy, '--publisher', publisher)
    expect([verified.status, verified.out]).toEqual([0, expect.stringContaining('signed')])
    writeFileSync(onnx, 'not an ONNX file')
    const broken = await tutti('model', 'init', onnx, '--name', 'adder:v3', '--force')
    expect([broken.status, broken.err]).toEqual([1, expect.stringContaining('did not load')])
    const odd = await tutti('model', 'init', join(copy, 'model.onnx'), '--name', 'Adder', '--force')
    expect([odd.status, odd.err]).toEqual([1, expect.stringContaining('version')])
  })

  test('a rollout that is paused says so wherever it is shown; one that is over is not paused', async () => {
    const spec = (soakMs: number) =>
      `spec: {model: 'adder:v1', selector: {matchLabels: {is: nowhere}}, strategy: {soakMs: ${soakMs}}}`
    const head = 'apiVersion: tutti/v1\nkind: Deployment\nmetadata: {name: add}\n'
    const path = file('slow.yaml', `${head}${spec(3_600_000)}`)
    expect((await tutti('apply', '-f', path)).out).toBe('deployment/add created\n')
    const rollouts = async () => (await tutti('get', 'rollouts')).out
    await expect.poll(rollouts, { timeout: 30_000 }).toMatch(/add-g1 +default +\d+ +canary/)
    const status = async () => (await tutti('rollout', 'status', 'add')).out
    expect(await status()).toMatch(/^canary: /)
    expect((await tutti('rollout', 'pause', 'add')).out).toBe('rollout of add paused\n')
    expect(await status()).toMatch(/^paused, canary: /)
    expect(await rollouts()).toContain(' paused, canary ')
    expect((await tutti('get', 'deployments')).out).toContain(' adder:v1 paused, canary: ')
    expect((await tutti('rollout', 'resume', 'add')).status).toBe(0)
    expect(await status()).toMatch(/^canary: /)
    const quick = file('quick.yaml', `${head}${spec(0)}`)
    expect((await tutti('apply', '-f', quick)).out).toBe('deployment/add updated\n')
    expect((await tutti('rollout', 'status', 'add', '--watch')).out).toContain('done: ')
    const late = await tutti('rollout', 'pause', 'add')
    expect([late.status, late.out]).toEqual([1, ''])
    expect(late.err).toContain('the rollout of add is done: there is nothing to pause')
    expect((await tutti('delete', 'deployment', 'add')).status).toBe(0)
  })

  test('going back twice goes back further: what was gone back from has not run', async () => {
    const onnx = join(folder, 'copy', 'model.onnx')
    const spec = (version: string, soakMs: number) =>
      `spec: {model: 'adder:${version}', selector: {matchLabels: {is: nowhere}}, strategy: {soakMs: ${soakMs}}}`
    const head = 'apiVersion: tutti/v1\nkind: Deployment\nmetadata: {name: back}\n'
    const declare = (version: string, soakMs: number) =>
      tutti('apply', '-f', file('back.yaml', `${head}${spec(version, soakMs)}`))
    expect((await declare('v1', 0)).status).toBe(0)
    expect((await tutti('rollout', 'status', 'back', '--watch')).out).toContain('done: ')
    const first = await tutti('rollout', 'undo', 'back')
    expect([first.status, first.err]).toEqual([1, expect.stringContaining('name one with --to')])
    for (const version of ['v2', 'v3']) {
      const made = await tutti('model', 'init', onnx, '--name', `adder:${version}`, '--force')
      expect(made.status).toBe(0)
      expect((await tutti('model', 'push', join(folder, 'copy'))).status).toBe(0)
    }
    await declare('v2', 0)
    expect((await tutti('rollout', 'status', 'back', '--watch')).out).toContain('done: ')
    await declare('v3', 3_600_000)
    const undo = async () => (await tutti('rollout', 'undo', 'back')).out
    expect(await undo()).toBe('deployment/back back to adder:v2: updated\n')
    expect(await undo()).toBe('deployment/back back to adder:v1: updated\n')
    expect((await tutti('delete', 'deployment', 'back')).status).toBe(0)
  })

  test('a change that policy holds is gone back from: there was no rollout to look at', async () => {
    const declare = async (name: string, rest: string) =>
      (await tutti('apply', '-f', file(`${name}.yaml`, `apiVersion: tutti/v1\n${rest}`))).status
    const held = (version: string) =>
      declare(
        'held',
        `kind: Deployment\nmetadata: {name: held}\nspec: {model: 'adder:${version}', environment: staging, ` +
          `selector: {matchLabels: {is: nowhere}}, strategy: {soakMs: 0}}\n`,
      )
    const freeze =
      'forbid(principal is Automation, action == Action::"create", resource is Rollout) ' +
      'when { context.environment == "staging" };'
    expect(await held('v1')).toBe(0)
    expect((await tutti('rollout', 'status', 'held', '--watch')).out).toContain('done: ')
    const policy = `kind: Policy\nmetadata: {name: ice}\nspec: {cedar: '${freeze}'}\n`
    expect(await declare('ice', policy)).toBe(0)
    expect(await held('v2')).toBe(0)
    expect((await tutti('rollout', 'pause', 'held')).err).toContain('held has not begun: ')
    const undo = await tutti('rollout', 'undo', 'held')
    expect([undo.out, undo.err]).toEqual(['deployment/held back to adder:v1: updated\n', ''])
    // Made anew it has not run: what ran under its name before is not what it goes back to.
    expect((await tutti('delete', 'deployment', 'held')).status).toBe(0)
    expect(await held('v3')).toBe(0)
    expect((await tutti('rollout', 'undo', 'held')).err).toContain('name one with --to')
    expect((await tutti('delete', 'deployment', 'held')).status).toBe(0)
    expect((await tutti('delete', 'policy', 'ice')).status).toBe(0)
  })

  test('every command has help with its options', async () => {
    const { out } = await tutti('--help')
    for (const name of [
      'up',
      'join',
      'apply',
      'get',
      'describe',
      'diff',
      'delete',
      'model',
      'rollout',
    ]) {
      expect(out).toContain(`  ${name} `)
    }
    expect((await tutti('apply', '--help')).out).toContain('Examples:')
    expect((await tutti('aply')).err).toContain('Did you mean apply?')
  })

  test('the ledger verifies from an export, and a changed byte is found', async () => {
    const log = join(folder, 'log')
    expect((await tutti('ledger', 'export', log)).status).toBe(0)
    expect((await tutti('ledger', 'verify', log)).out).toContain('ok:')
    const bodies = readFileSync(join(log, 'bodies.jsonl'))
    bodies[200] = (bodies[200] ?? 0) ^ 1
    writeFileSync(join(log, 'bodies.jsonl'), bodies)
    const { status, out } = await tutti('ledger', 'verify', log)
    expect([status, out.includes('bodies.jsonl')]).toEqual([1, true])
  })
})

describe('workflows', () => {
  const refund = `
document: {dsl: '1.0.3', namespace: shop, name: refund, version: 1.0.0}
do:
  - decide:
      call: tutti.human
      with:
        title: '\${ "Refund \\(.order)?" }'
        form: {type: object, required: [approved]}
        signed: true
  - note:
      set: {approved: "\${ .answer.approved }"}
      metadata: {tutti: {asset: {name: decision}}}
`

  test('apply, run, tasks, answer, show, list', async () => {
    const path = file('refund.yaml', refund)
    expect((await tutti('workflow', 'apply', path)).out).toBe(
      'workflow/shop.refund:1.0.0 created\n',
    )
    const asked = ['shop.refund', '-i', '{order: 7}', '--labels', 'shop=berlin', '--json']
    const started = await tutti('workflow', 'run', ...asked)
    const { id } = JSON.parse(started.out) as { id: string }
    expect((await tutti('workflow', 'tasks')).out).toMatch(/\/do\/0\/decide +anybody +Refund 7\?/)
    const wrong = await tutti('workflow', 'answer', id, '/do/0/decide', '{}')
    expect([wrong.status, wrong.err.includes('does not fit')]).toEqual([1, true])
    const right = await tutti('workflow', 'answer', id, '/do/0/decide', '{approved: true}')
    expect(right.out).toBe('answered /do/0/decide, signed\n')
    const watched = await tutti('workflow', 'watch', id)
    expect(watched.status).toBe(0)
    expect(watched.out).toContain('"approved": true')
    const shown = (await tutti('workflow', 'show', id)).out
    expect(shown).toContain('completed  /do/1/note')
    expect(shown).toMatch(/answered by admin, the signature of did:key:\w+ holds/)
    expect((await tutti('workflow', 'list', '--status', 'completed')).out).toContain(id)
    const ofBerlin = ['--label', 'shop=berlin', '--limit', '1']
    expect((await tutti('workflow', 'list', ...ofBerlin)).out).toContain(id)
    expect((await tutti('workflow', 'cancel', id)).err).toContain('has ended')
    expect((await tutti('workflow', 'retry', id)).err).toContain('not faulted')
    expect((await tutti('workflow', 'assets')).out).toMatch(/decision +\d+s +shop.refund:1.0.0/)
    const asset = (await tutti('workflow', 'assets', 'decision')).out
    expect(asset).toContain(`made by ${id} of shop.refund:1.0.0 at /do/`)
    expect((await tutti('workflow', 'assets', 'none')).err).toContain('there is no asset none')
  })

  test('a wrong document is said with its place', async () => {
    const path = file('wrong.yaml', refund.replace('.answer', '.answer | nope |'))
    const { status, err } = await tutti('workflow', 'apply', path)
    expect([status, err.includes('wrong.yaml: do.1.note.set.approved')]).toEqual([1, true])
  })
})
