// Home
//
// The folder of this user: which control plane is theirs, with which key, and the two keys that are theirs
// alone: one signs models (a publisher), one signs approvals.

import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { didKeyOf, newPrivateKey } from '@tutti/ledger'
import { makeFolder } from '@tutti/machine'
import { Client } from '@tutti/sdk'
import { z } from 'zod'
import { Failure } from '../failure.ts'
import { replaceFile } from './replace-file.ts'

const context = z.object({
  url: z.string(),
  key: z.string(),
  gateway: z.string().optional(),
  project: z.string().default('default'),
})
export type HomeContext = z.infer<typeof context>

export interface HomeOptions {
  readonly home?: string | undefined
  readonly url?: string | undefined
  readonly key?: string | undefined
  readonly project?: string | undefined
}

/** The folder, whole: `--home`, TUTTI_HOME, or `.tutti` in the user's own. */
export function homeFolder(options: HomeOptions): string {
  return resolve(options.home ?? process.env['TUTTI_HOME'] ?? join(homedir(), '.tutti'))
}

/** Where to call and as whom: flags, then the environment, then the home folder. */
export function loadContext(options: HomeOptions): HomeContext {
  const path = join(homeFolder(options), 'context.json')
  const stored = existsSync(path) ? readContext(path) : null
  const url = options.url ?? process.env['TUTTI_URL'] ?? stored?.url
  const key = options.key ?? process.env['TUTTI_KEY'] ?? stored?.key
  if (url === undefined || key === undefined) {
    const known = 'no control plane is known here: run tutti up on this machine, or give'
    const message =
      url === undefined
        ? `${known} --url and --key (TUTTI_URL, TUTTI_KEY)`
        : `no key for ${url} is known here: give one with --key (TUTTI_KEY)`
    throw new Failure('tutti/no-context', message)
  }
  const project = options.project ?? process.env['TUTTI_PROJECT'] ?? stored?.project ?? 'default'
  const gateway = stored?.gateway
  return { url, key, project, ...(gateway === undefined ? {} : { gateway }) }
}

export function saveContext(folder: string, value: HomeContext): void {
  writePrivate(join(folder, 'context.json'), `${JSON.stringify(value, null, 2)}\n`)
}

export function clientOf(options: HomeOptions): Client {
  const { url, key, project } = loadContext(options)
  return new Client({ url, key, project, onSilence: (ms) => saySilence(url, ms) })
}

/** One that is stopped takes questions, and answers none. */
export function saySilence(url: string, ms: number): void {
  const fact = `${url} has not answered for ${ms / 1_000} s`
  process.stderr.write(`tutti: ${fact}: waiting (Ctrl-C ends this command)\n`)
}

/**
 * The key that signs this user's models (ECDSA P-256), made when first asked for; its public half
 * lies beside it, for projects to trust and for `model verify`.
 */
export function publisherKey(folder: string): KeyObject {
  const key = loadOrMakeKey(join(folder, 'publisher.pem'), () => {
    return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
  })
  const path = join(folder, 'publisher.pub.pem')
  if (!existsSync(path)) replaceFile(path, publicPem(key), 0o644)
  return key
}

/** The key that signs this user's approvals (Ed25519), made when first asked for. */
export function approvalKey(folder: string): KeyObject {
  return loadOrMakeKey(join(folder, 'approval.pem'), newPrivateKey)
}

export function approvalDid(folder: string): string {
  return didKeyOf(approvalKey(folder))
}

export function publicPem(key: KeyObject): string {
  return createPublicKey(key).export({ type: 'spki', format: 'pem' }).toString()
}

/** A private key from a PEM file. Throws `tutti/file-unreadable`. */
export function readPrivateKey(path: string): KeyObject {
  try {
    return createPrivateKey(readFileSync(path, 'utf8'))
  } catch (cause) {
    const message = `expected a PEM private key in ${path}: ${String(cause)}`
    throw new Failure('tutti/file-unreadable', message, cause)
  }
}

function loadOrMakeKey(path: string, make: () => KeyObject): KeyObject {
  if (existsSync(path)) return readPrivateKey(path)
  const key = make()
  writePrivate(path, key.export({ type: 'pkcs8', format: 'pem' }).toString())
  return key
}

/** Writes a file that only this user can read, whole or not at all. */
export function writePrivate(path: string, text: string): void {
  makeFolder(join(path, '..'), 0o700)
  replaceFile(path, text, 0o600)
}

function readContext(path: string): HomeContext {
  try {
    return context.parse(JSON.parse(readFileSync(path, 'utf8')))
  } catch (cause) {
    const message = `cannot read ${path}: ${String(cause)}; delete it and run tutti up again`
    throw new Failure('tutti/file-unreadable', message, cause)
  }
}
