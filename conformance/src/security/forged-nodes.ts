// Forged nodes
//
// A machine that says it is another, answers an old challenge, speaks an older protocol, reports for somebody
// else, or comes with a token that was stolen.

import { createPrivateKey, randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { protocolVersion } from '@tutti/core/fleet'
import { signingPrefix } from '@tutti/core/resource'
import { didKeyOf, newPrivateKey, signText } from '@tutti/ledger'
import { WebSocket } from 'ws'
import { type Attack, ask, bearer } from './attack.ts'

export async function tryForgedNodes(attack: Attack): Promise<void> {
  await tryHellos(attack)
  await tryTokens(attack)
  await tryOwnSession(attack)
}

interface Line {
  /** The next frame, or null once the connection is closed. */
  readonly next: () => Promise<Readonly<Record<string, unknown>> | null>
  readonly send: (frame: object) => void
  readonly end: () => void
}

function dial(url: string): Line {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/api/v1/connect`)
  const frames: Readonly<Record<string, unknown>>[] = []
  let isClosed = false
  let wake: () => void = () => {}
  socket.on('message', (data) => {
    frames.push(JSON.parse(String(data)))
    wake()
  })
  socket.on('error', () => {}) // followed by close
  socket.on('close', () => {
    isClosed = true
    wake()
  })
  return {
    next: async () => {
      for (;;) {
        const frame = frames.shift()
        if (frame !== undefined) return frame
        if (isClosed) return null
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
    },
    send: (frame) => socket.send(JSON.stringify(frame)),
    end: () => socket.terminate(),
  }
}

interface HelloForm {
  readonly node: string
  readonly key: ReturnType<typeof newPrivateKey>
  readonly protocol?: number
  /** The challenge that is signed; absent: the one that was put. */
  readonly challenge?: string
}

/** Greets and gives what the control plane says to it: `welcome`, or something else. */
async function greet(line: Line, { node, key, protocol, challenge }: HelloForm): Promise<string> {
  const put = await line.next()
  const nonce = randomBytes(24).toString('base64url')
  const text = `${challenge ?? String(put?.['nonce'])}\n${nonce}`
  const signature = signText(key, signingPrefix.hello, text)
  const spoken = protocol ?? protocolVersion
  line.send({ type: 'hello', protocol: spoken, node, nonce, signature, checkpointSize: 0 })
  return String((await line.next())?.['type'] ?? 'closed')
}

function keyOfNode({ fleet }: Attack, name: string) {
  const identity: Record<string, unknown> = JSON.parse(
    readFileSync(join(fleet.folder, name, 'identity.json'), 'utf8'),
  )
  return createPrivateKey(String(identity['privateKey']))
}

async function tryHellos(attack: Attack): Promise<void> {
  const { fleet, scoring } = attack
  const own = keyOfNode(attack, 'n1')
  const stranger = newPrivateKey()
  const first = dial(fleet.url)
  const old = String((await first.next())?.['nonce'])
  first.end()
  const forms: readonly (readonly [string, HelloForm])[] = [
    ['another’s name with a key of one’s own', { node: 'n1', key: stranger }],
    ['a name that nobody has', { node: 'nobody', key: stranger }],
    ['n1’s key under the name of n2', { node: 'n2', key: own }],
    ['the answer to an older challenge', { node: 'n1', key: own, challenge: old }],
    ['an older protocol', { node: 'n1', key: own, protocol: protocolVersion - 1 }],
    ['a newer protocol', { node: 'n1', key: own, protocol: protocolVersion + 1 }],
  ]
  for (const [what, form] of forms) {
    const line = dial(fleet.url)
    const said = await greet(line, form)
    scoring.check(said !== 'welcome', `${what} was welcomed`)
    line.end()
  }
  const silent = dial(fleet.url)
  await silent.next()
  silent.send({ type: 'heartbeat', sequence: 0, load: {}, telemetry: [] })
  const said = await silent.next()
  scoring.check(said === null || said['type'] === 'retry', 'a frame before the hello was heard')
  silent.end()
  for (const name of ['n1', 'n2']) {
    const { status } = await fleet.client.get({ kind: 'nodes', name })
    scoring.check(status['connected'] === true, `${name} was thrown out by somebody else’s hello`)
  }
}

async function tryTokens({ fleet, scoring }: Attack): Promise<void> {
  const join = async (token: string, name: string, key = newPrivateKey(), signer = key) => {
    const signature = signText(signer, signingPrefix.hello, token)
    const body = JSON.stringify({ token, name, publicKey: didKeyOf(key), signature })
    return (await ask(`${fleet.url}/api/v1/join`, { method: 'POST', body })).status
  }
  const { token } = await fleet.client.makeToken({})
  const key = newPrivateKey()
  const unproven = await join(token, 'thief', key, newPrivateKey())
  scoring.check(unproven === 401, `a token without proof of the key: ${unproven}`)
  const taken = await join(token, 'n1')
  scoring.check(taken === 409, `a token for the name of a node that is there: ${taken}`)
  const used = [await join(token, 'guest'), await join(token, 'thief')]
  scoring.check(used.join() === '201,401', `a token used twice: ${used.join()}`)
  const text = Buffer.from(token.replace('tutti-join-', ''), 'base64url').toString('utf8')
  const parsed: Record<string, unknown> = JSON.parse(text)
  const forged = { ...parsed, secret: randomBytes(32).toString('base64url') }
  const made = `tutti-join-${Buffer.from(JSON.stringify(forged)).toString('base64url')}`
  const invented = await join(made, 'thief')
  scoring.check(invented === 401, `an invented token: ${invented}`)
  for (const odd of ['', 'tutti-join-', 'tutti-join-e30', 'tutti-join-bnVsbA']) {
    const status = await join(odd, 'thief')
    scoring.check([401, 422].includes(status), `the token ${JSON.stringify(odd)}: ${status}`)
  }
}

/** What a machine may do with a session that is rightly its own: nothing but a node's work. */
async function tryOwnSession(attack: Attack): Promise<void> {
  const { fleet, scoring } = attack
  const line = dial(fleet.url)
  const challenge = await line.next()
  const nonce = randomBytes(24).toString('base64url')
  const text = `${String(challenge?.['nonce'])}\n${nonce}`
  const signature = signText(keyOfNode(attack, 'n1'), signingPrefix.hello, text)
  const hello = { type: 'hello', protocol: protocolVersion, node: 'n1', nonce, signature }
  line.send({ ...hello, checkpointSize: 0 })
  const session = String((await line.next())?.['session'])
  const headers = bearer(session)
  for (const [method, path] of [
    ['GET', '/secrets'],
    ['GET', '/keys'],
    ['GET', '/nodes'],
    ['GET', '/snapshot'],
    ['PUT', `/blobs/sha256:${'0'.repeat(64)}`],
    ['PUT', '/projects/mine'],
    ['DELETE', '/nodes/n2'],
    ['POST', '/tokens'],
  ] as const) {
    const spec = { apiVersion: 'tutti/v1', kind: 'Project', metadata: { name: 'mine' }, spec: {} }
    const body = method === 'PUT' || method === 'POST' ? { body: JSON.stringify(spec) } : {}
    const { status } = await ask(`${fleet.url}/api/v1${path}`, { method, headers, ...body })
    scoring.check([401, 403].includes(status), `a node may ${method} ${path}: ${status}`)
  }
  const before = await reportsOf(attack, 'n2')
  const sequence = 0
  line.send({ type: 'status', sequence, full: true, reports: [], checkpointSize: 0, node: 'n2' })
  while ((await line.next()) !== null); // thrown out for a frame that is none
  const after = await reportsOf(attack, 'n2')
  scoring.check(before === after, 'a node changed what is known of another')
  const { status } = await ask(`${fleet.url}/api/v1/ledger/checkpoint`, { headers })
  scoring.check(status === 401, `a session outlives its connection: ${status}`)
}

async function reportsOf({ fleet }: Attack, name: string): Promise<string> {
  const { status } = await fleet.client.get({ kind: 'nodes', name })
  return JSON.stringify(status['reports'])
}
