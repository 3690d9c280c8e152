// tutti model: push, pull, verify.

import { createHash } from 'node:crypto'
import { createReadStream, existsSync, readFileSync, statSync } from 'node:fs'
import { join, resolve, sep } from 'node:path'
import { checkSignedFiles, type ModelFile, type ModelSpec, modelSpec } from '@tutti/core/fleet'
import { findingsOf } from '@tutti/core/kinds'
import { formatFinding } from '@tutti/core/resource'
import { signModel, verifyModelSignature } from '@tutti/ledger'
import { makeFolder } from '@tutti/machine'
import type { Client } from '@tutti/sdk'
import type { Command } from 'commander'
import { stringify } from 'yaml'
import { Failure } from '../failure.ts'
import {
  clientOf,
  homeFolder,
  print,
  printJson,
  publicPem,
  publisherKey,
  readDocuments,
  readPrivateKey,
  replaceFile,
  unwritable,
} from '../home/index.ts'
import { describeOutcome } from './describe-outcome.ts'
import { addModelInit } from './model-init.ts'
import { type SharedOptions, withExamples, withShared } from './shared-options.ts'

interface PushOptions extends SharedOptions {
  readonly signKey?: string
  readonly sign: boolean
}

export function addModel(program: Command): void {
  const group = program.command('model').description('describe, push, pull and verify models')
  addModelInit(group)
  const push = withShared(group.command('push'))
    .argument('<folder>', 'folder with model.yaml (or model.json) and the files it names')
    .option('--sign-key <pem>', 'publisher key; default: the one in the home folder')
    .option('--no-sign', 'push without a signature')
    .description('upload a model version and declare it')
  withExamples(push, 'tutti model push ./parts-v1', 'tutti model push ./parts-v1 --sign-key ci.pem')
  push.action(pushModel)
  const pull = withShared(group.command('pull'))
    .argument('<model>', 'e.g. parts:v1')
    .argument('<folder>', 'where to put it')
    .description('download a model version, every digest verified')
  withExamples(pull, 'tutti model pull parts:v1 ./parts-v1')
  pull.action(pullModel)
  const verify = withShared(group.command('verify'))
    .argument('<folder>', 'a folder as pull writes it')
    .requiredOption('--publisher <pem>', 'public key, or certificate of the authority')
    .description('verify digests and the publisher’s signature, offline')
  withExamples(verify, 'tutti model verify ./parts-v1 --publisher publisher.pub.pem')
  verify.action(verifyFolder)
}

async function pushModel(folder: string, options: PushOptions): Promise<void> {
  const client = clientOf(options)
  const spec = readSpec(folder)
  await checkFiles(folder, filesOf(spec))
  for (const file of filesOf(spec)) await uploadFile(client, folder, file, options)
  const signed = options.sign ? await signAndUpload(client, folder, spec, options) : spec
  const name = `${spec.model}:${spec.version}`
  const document = { apiVersion: 'tutti/v1', kind: 'Model', metadata: { name }, spec: signed }
  const answer = await client.apply({ kind: 'models', name }, document)
  if (options.json === true) printJson(answer)
  else print(`model/${name} ${describeOutcome(answer)}`)
  if (answer.outcome === 'needs-approval') process.exitCode = 3
}

async function signAndUpload(
  client: Client,
  folder: string,
  spec: ModelSpec,
  options: PushOptions,
): Promise<ModelSpec> {
  const key =
    options.signKey === undefined
      ? publisherKey(homeFolder(options))
      : readPrivateKey(options.signKey)
  const path = join(folder, 'model.sig')
  // ECDSA signatures differ each time: one that is there and good is kept, so that a second push of the
  // same files is the same model.
  if (!isSignedBy(path, spec, publicPem(key))) {
    replaceFile(path, signModel(`${spec.model}:${spec.version}`, filesOf(spec), key), 0o644)
  }
  const digest = await digestOf(path)
  const sizeBytes = statSync(path).size
  await client.upload({ path, digest, sizeBytes })
  return { ...spec, signature: { digest, sizeBytes } }
}

function isSignedBy(path: string, spec: ModelSpec, publisher: string): boolean {
  if (!existsSync(path)) return false
  const trust = { publishers: [publisher], nowMs: Date.now() }
  const verdict = verifyModelSignature(readFileSync(path), trust)
  return verdict.ok && checkSignedFiles(spec, verdict.files) === null
}

async function uploadFile(
  client: Client,
  folder: string,
  file: ModelFile,
  options: SharedOptions,
): Promise<void> {
  await client.upload({ ...file, path: join(folder, file.path) }, showProgress(file, options))
}

async function pullModel(name: string, folder: string, options: SharedOptions): Promise<void> {
  const client = clientOf(options)
  const resource = await client.get({ kind: 'models', name })
  const spec = modelSpec.parse(resource.spec)
  makeFolderFor(folder)
  const to = { folder, options }
  for (const file of filesOf(spec)) await saveFile(client, file, to)
  if (spec.signature !== undefined) {
    await saveFile(client, { path: 'model.sig', ...spec.signature }, to)
  }
  const { signature: _, ...bare } = spec
  replaceFile(join(folder, 'model.yaml'), stringify(bare), 0o644)
  if (options.json === true) printJson({ model: name, folder })
  else print(`model/${name} is in ${folder}`)
}

async function saveFile(
  client: Client,
  file: ModelFile,
  to: { readonly folder: string; readonly options: SharedOptions },
): Promise<void> {
  const path = resolve(to.folder, file.path)
  if (!path.startsWith(resolve(to.folder) + sep)) {
    throw new Failure('tutti/model-invalid', `${file.path} leads out of ${to.folder}`)
  }
  await client.download({ ...file, path }, showProgress(file, to.options)).catch((error) => {
    throw error instanceof Error && 'syscall' in error ? unwritable(path, error) : error
  })
}

function makeFolderFor(folder: string): void {
  try {
    makeFolder(folder)
  } catch (cause) {
    throw unwritable(folder, cause)
  }
}

/** Tells people at a terminal how far a file is. */
function showProgress(file: ModelFile, options: SharedOptions): (bytes: number) => void {
  let shown = -1
  return (bytes) => {
    if (options.json === true || !process.stderr.isTTY) return
    const share = file.sizeBytes === 0 ? 100 : Math.floor((bytes / file.sizeBytes) * 100)
    if (share === shown) return
    shown = share
    process.stderr.write(`\r${file.path} ${share} %${share === 100 ? '\n' : ''}`)
  }
}

async function verifyFolder(
  folder: string,
  options: SharedOptions & { readonly publisher: string },
): Promise<void> {
  const spec = readSpec(folder)
  await checkFiles(folder, filesOf(spec))
  const path = join(folder, 'model.sig')
  if (!existsSync(path)) {
    throw new Failure('tutti/verification-failed', `${folder} has no model.sig: it is not signed`)
  }
  const publishers = [readFileSync(options.publisher, 'utf8')]
  const verdict = verifyModelSignature(readFileSync(path), { publishers, nowMs: Date.now() })
  const reason = verdict.ok ? checkSignedFiles(spec, verdict.files) : verdict.reason
  if (reason !== null) throw new Failure('tutti/verification-failed', reason)
  const files = filesOf(spec).length
  if (options.json === true) printJson({ ok: true, files })
  else print(`${spec.model}:${spec.version}: ${files} files verified, signed by the publisher`)
}

function readSpec(folder: string): ModelSpec {
  const names = ['model.yaml', 'model.yml', 'model.json'].map((name) => join(folder, name))
  const path = names.find((name) => existsSync(name))
  if (path === undefined) {
    const hint = 'from an ONNX file, tutti model init FILE --name MODEL:VERSION writes it'
    const message = `expected ${folder}/model.yaml, which says what the model is: ${hint}`
    throw new Failure('tutti/model-invalid', message)
  }
  const [document] = readDocuments(path)
  const parsed = modelSpec.safeParse(document?.value)
  if (parsed.success) return parsed.data
  const findings = findingsOf(parsed.error, '', modelSpec).map(formatFinding)
  throw new Failure('tutti/model-invalid', `${path}:\n${findings.join('\n')}`)
}

/** Digest and size of every file, before anything is sent. */
async function checkFiles(folder: string, files: readonly ModelFile[]): Promise<void> {
  for (const { path, digest, sizeBytes } of files) {
    const full = join(folder, path)
    if (!existsSync(full)) throw new Failure('tutti/model-invalid', `${full} is not there`)
    const { size } = statSync(full)
    const seen = await digestOf(full)
    if (seen === digest && size === sizeBytes) continue
    const said = `${digest} with ${sizeBytes}`
    const message = `${full} is ${seen} with ${size} bytes, model.yaml says ${said}`
    throw new Failure('tutti/model-invalid', message)
  }
}

function filesOf(spec: ModelSpec): ModelFile[] {
  const files = spec.variants.flatMap((variant) => variant.files)
  return [...new Map(files.map((file) => [file.path, file])).values()]
}

async function digestOf(path: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path)) hash.update(chunk)
  return `sha256:${hash.digest('hex')}`
}
