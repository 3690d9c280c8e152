// Snapshot source
//
// Keeps the newest good snapshot: from the control plane's stream while it is there, from disk when it is
// not. A snapshot that is forged, malformed or older than the one held changes nothing.
//
// Invariants:
//   S1. Only a snapshot that the pinned control plane signed is served from.
//   S2. Numbers never go back, across restarts too.

import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { signingPrefix, whyUnknown } from '@tutti/core/resource'
import {
  isComplete,
  keepUnseen,
  noSnapshot,
  type SignedSnapshot,
  type Snapshot,
  signedSnapshot,
  snapshot as snapshotSchema,
} from '@tutti/core/routing'
import { verifyText } from '@tutti/ledger'
import { isMissing, pause, proxyFor, writeDurably } from '@tutti/machine'
import { Agent, getGlobalDispatcher, request } from '@tutti/machine/http-client'
import { messageOf } from '../failure.ts'
import { linesOf } from '../wire/index.ts'
import { Standing } from './standing.ts'

export interface SnapshotSourceOptions {
  readonly url: string
  readonly key: string
  /** did:key of the control plane. */
  readonly controlPlane: string
  readonly folder: string
  readonly version: string
  /** Which of several workers it is. */
  readonly worker?: number | undefined
  readonly onSnapshot: (snapshot: Snapshot) => void
  readonly log: (event: string, fields: Readonly<Record<string, unknown>>) => void
}

export interface SnapshotState {
  /** Whether there is a stream of snapshots. */
  readonly isFollowing: boolean
  /** Whether what came last was refused. */
  readonly isRefused: boolean
  /** When the one that is served from was made; null where there is none. */
  readonly madeMs: number | null
}

const pauseMsMin = 150 // a control plane that is just starting is met at once
const pauseMsMax = 10_000
const dataStart = 'data:'
const silenceMs = 30_000 // three of the stream's keep-alives

const planeAway = 'the control plane is away: serving from the last good snapshot'
const keyRefused =
  "the control plane refuses this gateway's key: serving from the last good snapshot"

/** It is there, and does not know the key, or lets it serve nothing. */
class KeyRefused extends Error {}

export class SnapshotSource {
  readonly #options: SnapshotSourceOptions
  readonly #agent = new Agent({ connect: { timeout: 5_000 } })
  readonly #stopping = new AbortController()
  /** Written by `#takeIn` alone. */
  #held: Snapshot | null = null
  /**
   * The last complete snapshot, and the newest where that is another one: what it has not seen is
   * in the first. Written by `#takeIn` alone.
   */
  #kept: readonly SignedSnapshot[] = []
  /** Why what the stream told last was refused; written by `#readStream`. */
  #refused: string | null = null
  /** Whether there is a stream; written by `#readStream`. */
  #isFollowing = false
  #done: Promise<void> = Promise.resolve()
  /** Written by `start`. */
  #query = ''
  readonly #id = randomUUID() // of this start alone
  readonly #standing: Standing

  constructor(options: SnapshotSourceOptions) {
    this.#options = options
    this.#standing = new Standing({ ...options, id: this.#id, signal: this.#stopping.signal })
  }

  /**
   * Reads the last good snapshot from disk, then follows the control plane, which tells nodes that
   * cannot be dialled to come to `ownUrl`.
   */
  start(ownUrl: string): void {
    for (const kept of this.#readKept()) {
      const refusal = this.#takeIn(kept, 'disk')
      if (refusal === null) continue
      this.#options.log('the snapshot on disk is refused', { reason: refusal })
    }
    const { version, worker } = this.#options
    const hello = { gateway: this.#id, version, host: hostname().slice(0, 256) }
    const place = worker === undefined ? {} : { worker: String(worker) }
    this.#query = `${new URLSearchParams({ watch: 'true', relay: ownUrl, ...hello, ...place })}`
    this.#done = this.#follow()
  }

  /** One that cannot be read keeps nobody from what the control plane says. */
  #readKept(): readonly unknown[] {
    const path = this.#path()
    try {
      return [parseJson(readFileSync(path, 'utf8'))].flat()
    } catch (error) {
      if (isMissing(error)) return []
      const reason = messageOf(error)
      this.#options.log('the snapshot on disk cannot be read', { path, reason })
      return []
    }
  }

  get state(): SnapshotState {
    const madeMs = this.#held?.issuedAtMs ?? null
    return { isFollowing: this.#isFollowing, isRefused: this.#refused !== null, madeMs }
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#done
    await this.#agent.destroy()
  }

  async #follow(): Promise<void> {
    let failures = 0
    let said = '' // since the last snapshot
    while (!this.#stopping.signal.aborted) {
      try {
        await this.#readStream(() => {
          failures = 0
          said = ''
        })
      } catch (error) {
        if (this.#stopping.signal.aborted) return
        const event = error instanceof KeyRefused ? keyRefused : planeAway
        if (event !== said) this.#options.log(event, { reason: messageOf(error) })
        said = event
      }
      failures += 1
      const pauseMs = Math.min(pauseMsMax, pauseMsMin * 2 ** Math.min(8, failures - 1))
      await pause(pauseMs * (0.5 + Math.random() / 2), this.#stopping.signal)
    }
  }

  async #readStream(onSnapshot: () => void): Promise<void> {
    const { url, key, log } = this.#options
    const { statusCode, body } = await request(`${url}/api/v1/snapshot?${this.#query}`, {
      dispatcher: proxyFor(url) === null ? this.#agent : getGlobalDispatcher(),
      headers: { authorization: `Bearer ${key}` },
      headersTimeout: 10_000,
      bodyTimeout: silenceMs,
      signal: this.#stopping.signal,
    })
    if (statusCode !== 200) {
      const reason = `${statusCode}: ${(await body.text()).slice(0, 300)}`
      throw statusCode === 401 || statusCode === 403 ? new KeyRefused(reason) : new Error(reason)
    }
    try {
      this.#isFollowing = true
      // What it sends is one line of JSON for each event; all other lines are names and keep-alives.
      this.#standing.forget() // whoever answers may have begun anew
      for await (const line of linesOf(body)) {
        this.#standing.tell({ sequence: this.#held?.sequence ?? null, refused: this.#refused })
        if (!line.startsWith(dataStart)) continue
        const told = parseJson(line.slice(dataStart.length))
        if (noSnapshot.safeParse(told).success) {
          this.#refused = 'it is not valid' // who tells it has said why
          onSnapshot()
          continue
        }
        this.#refused = this.#takeIn(told, 'stream')
        if (this.#refused === null) onSnapshot()
        else log('a snapshot is refused', { reason: this.#refused })
      }
    } finally {
      this.#isFollowing = false
    }
  }

  /** Null where the snapshot is served from now on; else why it is not. */
  #takeIn(json: unknown, from: 'disk' | 'stream'): string | null {
    const signed = signedSnapshot.safeParse(json)
    if (!signed.success) return 'it is malformed'
    const { payload, signature } = signed.data
    const { controlPlane, onSnapshot, log } = this.#options
    if (!verifyText(controlPlane, signingPrefix.snapshot, { text: payload, signature })) {
      return `it is not signed by ${controlPlane}` // S1
    }
    const parsed = snapshotSchema.safeParse(parseJson(payload))
    if (!parsed.success) return whyUnknown('the snapshot', 'gateway', parsed.error)
    const heldSequence = this.#held?.sequence ?? 0
    if (parsed.data.sequence === heldSequence) return null
    if (parsed.data.sequence < heldSequence) {
      return `its number is ${parsed.data.sequence}, older than ${heldSequence}` // S2
    }
    this.#held = keepUnseen(parsed.data, this.#held)
    this.#kept = isComplete(parsed.data) ? [signed.data] : [...this.#kept.slice(0, 1), signed.data]
    log('snapshot', { sequence: parsed.data.sequence, from })
    onSnapshot(this.#held)
    if (from === 'stream') this.#keep()
    return null
  }

  /** A full disk keeps nobody from what is new; it is kept with the next one. */
  #keep(): void {
    try {
      writeDurably(this.#path(), JSON.stringify(this.#kept))
    } catch (error) {
      this.#options.log('a snapshot was not kept on disk', { reason: messageOf(error) })
    }
  }

  #path(): string {
    return join(this.#options.folder, 'snapshot.json')
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null // the schema says that it is malformed
  }
}
