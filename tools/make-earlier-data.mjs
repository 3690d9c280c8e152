// Make earlier data
//
// Runs an earlier commit of this repository (its own code, built anew) with a node and a model, and keeps what it
// left behind as a fixture: a backup of its control plane's database at the schema of then, and the folder of its
// node. `conformance/src/upgrade.test.ts` opens both with the code of today.
//
//   node tools/make-earlier-data.mjs COMMIT MIGRATION FOLDER
//   node tools/make-earlier-data.mjs fe46bde 3 conformance/fixtures/migration-0003
//
// The keys in it are those of a control plane that lived for some seconds on loopback: they open nothing.

import { execFileSync, spawn } from 'node:child_process'
import { createHash, createPrivateKey } from 'node:crypto'
import { once } from 'node:events'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { encodeOnnx } from '../examples/dist/models/index.js'
import { writeBackup } from '../packages/control-plane/dist/store/backup.js'
import { openDatabase } from '../packages/control-plane/dist/store/database.js'
import { signModel } from '../packages/ledger/dist/index.js'

const [commit = '', migration = '', out = ''] = process.argv.slice(2)
const folder = mkdtempSync(join(tmpdir(), 'tutti-earlier-'))
const code = join(folder, 'code')
const home = join(folder, 'home')
const data = join(folder, 'node')
const children = []

try {
  checkOut()
  const url = await start(['control-plane', '--home', home, '--port', '0'])
  const { admin } = JSON.parse(readFileSync(join(home, 'credentials.json'), 'utf8'))
  const call = openCall(url, admin)
  const { token } = await call('POST', '/tokens', { labels: { region: 'north' } })
  const place = ['--home', home, '--data', data, '--threads', '1', '--name', 'earlier']
  await start(['join', ...place, '--token', token])
  await push(call)
  const strategy = { soakMs: 0, canary: { perStratum: 1 } }
  await put(call, 'Deployment', 'earlier', { model: 'earlier:v1', strategy })
  for (;;) {
    const { items } = await call('GET', '/rollouts')
    if (items[0]?.status.state.phase === 'done') break
    await new Promise((wake) => setTimeout(wake, 100))
  }
  await stop()
  await keep()
} finally {
  await stop()
  execFileSync('git', ['worktree', 'remove', '--force', code])
  rmSync(folder, { recursive: true, force: true })
}

/** The earlier code, with the libraries of today and packages of its own. */
function checkOut() {
  execFileSync('git', ['worktree', 'add', '--detach', code, commit], { stdio: 'inherit' })
  const modules = join(code, 'node_modules')
  mkdirSync(join(modules, '@tutti'), { recursive: true })
  for (const name of readdirSync('node_modules')) {
    if (name === '@tutti' || name === 'tutti') continue
    symlinkSync(resolve('node_modules', name), join(modules, name))
  }
  for (const name of readdirSync(join(code, 'packages'))) {
    const link = name === 'tutti' ? join(modules, name) : join(modules, '@tutti', name)
    symlinkSync(join(code, 'packages', name), link)
  }
  const compiler = join(modules, 'typescript-native/bin/tsc')
  execFileSync(process.execPath, [compiler, '-b', 'packages/tutti'], {
    cwd: code,
    stdio: 'inherit',
  })
}

/** Starts `tutti ARGS` of then; gives where it answers. */
async function start(args) {
  const tutti = join(code, 'packages/tutti/dist/main.js')
  const child = spawn(process.execPath, [tutti, ...args], { cwd: code })
  children.push(child)
  let said = ''
  return await new Promise((done, fail) => {
    const take = (chunk) => {
      said += chunk
      const match = /answers at (\S+)/.exec(said)
      if (match !== null) done(match[1])
    }
    child.stdout.on('data', take)
    child.stderr.on('data', take)
    child.once('exit', () => fail(new Error(said)))
  })
}

async function stop() {
  for (const child of children.splice(0).reverse()) {
    if (child.exitCode !== null) continue
    const ended = once(child, 'exit')
    child.kill('SIGTERM')
    await ended
  }
}

function openCall(url, key) {
  return async (method, path, body) => {
    const answer = await fetch(`${url}/api/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${key}` },
      ...(body === undefined ? {} : { body: Buffer.isBuffer(body) ? body : JSON.stringify(body) }),
    })
    const text = await answer.text()
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`)
    return JSON.parse(text)
  }
}

function put(call, kind, name, spec) {
  const document = { apiVersion: 'tutti/v1', kind, metadata: { name }, spec }
  return call('PUT', `/${kind.toLowerCase()}s/${encodeURIComponent(name)}`, document)
}

async function push(call) {
  const key = createPrivateKey(readFileSync(join(home, 'publisher.pem'), 'utf8'))
  const onnx = encodeOnnx({
    ...{ name: 'earlier', constants: [] },
    nodes: [{ op: 'Identity', inputs: ['x'], outputs: ['y'] }],
    inputs: [{ name: 'x', shape: ['N', 1] }],
    outputs: [{ name: 'y', shape: ['N', 1] }],
  })
  const upload = async (bytes) => {
    const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`
    await call('PUT', `/blobs/${digest}`, bytes)
    return { digest, sizeBytes: bytes.length }
  }
  const files = [{ path: 'model.onnx', ...(await upload(Buffer.from(onnx))) }]
  const tensor = (name) => ({ name, datatype: 'FP32', shape: [-1, 1] })
  const head = { name: 'fp32', format: 'onnx', precision: 'fp32', files }
  const variant = { ...head, inputs: [tensor('x')], outputs: [tensor('y')] }
  const signature = await upload(Buffer.from(signModel('earlier', files, key)))
  const spec = { model: 'earlier', version: 'v1', task: 'test', variants: [variant], signature }
  await put(call, 'Model', 'earlier:v1', spec)
}

/** The database as it is, not brought up to date, and the node's files. */
async function keep() {
  const dataFolder = join(home, 'control-plane')
  const database = await openDatabase({ dataFolder, upTo: Number(migration) })
  rmSync(out, { recursive: true, force: true })
  mkdirSync(out, { recursive: true })
  const privates = { 'keys.json': join(dataFolder, 'keys.json') }
  for (const name of ['credentials.json', 'publisher.pem', 'approval.pem']) {
    if (existsSync(join(home, name))) privates[name] = join(home, name)
  }
  const { sql } = database
  const source = { sql, dataFolder, privates, version: commit, nowMs: Date.now() }
  const written = await writeBackup(source, join(out, 'backup'), () => {})
  await database.stop()
  for (const name of ['identity.json', 'state.json', 'blobs']) {
    cpSync(join(data, name), join(out, 'node', name), {
      ...{ recursive: true, filter: (path) => !path.endsWith('.files') },
    })
  }
  process.stdout.write(`${out}: migration ${written.migration}, log of ${written.logSize}\n`)
}
