// Simulated store
//
// The control plane's database and ledger in memory: it survives the processes that use it, answers when
// it likes, and does a write whole or not at all. Records are real, the tree is real, the signatures too.

import { createHash, randomBytes } from 'node:crypto'
import type {
  AssignmentFeed,
  AssignmentRow,
  CommitOutcome,
  RolloutStore,
  Write,
} from '@tutti/control-plane/simulation'
import type { SignedAssignment } from '@tutti/core/fleet'
import { type ChangeRecord, changeRecord } from '@tutti/core/governance'
import {
  apiVersion,
  canonicalJson,
  formatKey,
  type Resource,
  type ResourceKey,
  signingPrefix,
} from '@tutti/core/resource'
import {
  commit as commitment,
  consistencyProof,
  emptyEdge,
  formatCheckpoint,
  growTree,
  inclusionProof,
  type ReadTile,
  signNote,
  type TreeEdge,
} from '@tutti/ledger'
import type { Chance } from './chance.ts'
import type { SimulatedKeys } from './simulated-keys.ts'
import type { ProcessClock } from './virtual-time.ts'

export interface LedgerEntry {
  readonly salt: Buffer
  readonly body: string
  readonly record: ChangeRecord
}

/** What a listener of the store is told, as Postgres tells it. */
export type StoreNews = { readonly resource: string } | 'ledger' | 'checkpoint'

const hashBytes = 32

export class SimulatedStore {
  readonly resources = new Map<string, Resource>()
  readonly deleted = new Map<string, number>() // generation of what was deleted, by key
  readonly assignments = new Map<string, AssignmentRow>()
  readonly entries: LedgerEntry[] = []
  /** Every assignment that was ever issued, by its payload. */
  readonly issued = new Map<string, AssignmentRow>()
  readonly checkpoints: { readonly size: number; readonly note: string; readonly root: string }[] =
    []
  #edge: TreeEdge = emptyEdge
  readonly #tiles = new Map<string, Uint8Array>()
  readonly #keys: SimulatedKeys
  readonly #chance: Chance
  /** Told of what is new; the living control plane listens. */
  onNews: (news: StoreNews) => void = () => {}
  /** Told of every write, before it is done and after; false where nobody is there to go on. */
  onWrite: (what: string) => boolean = () => true
  /** Greatest time for an answer; the world writes. */
  delayMsMax = 10

  constructor(keys: SimulatedKeys, chance: Chance) {
    this.#keys = keys
    this.#chance = chance
  }

  /** The store as one process of the control plane sees it. */
  rolloutStore(clock: ProcessClock): RolloutStore {
    const ask = <T>(read: () => T) => this.#answer(clock, read)
    return {
      all: (kind) => ask(() => this.all(kind)),
      load: (key) => ask(() => this.resources.get(formatKey(key)) ?? null),
      loadAll: (keys) => ask(() => keys.flatMap((key) => this.resources.get(formatKey(key)) ?? [])),
      assignment: (project, deployment) =>
        ask(() => this.assignments.get(`${project}/${deployment}`) ?? null),
      assignments: () => ask(() => [...this.assignments.values()]),
      saveStatus: (key, { generation, status }) =>
        this.#write(clock, `status of ${formatKey(key)}`, () =>
          this.#saveStatus(key, generation, status),
        ),
      commit: (write, draft, issued) =>
        this.#write(clock, `commit of ${formatKey(write.key)}`, () => {
          const outcome = this.commit(write, draft)
          if (outcome.ok && issued !== null) this.#saveAssignment(issued, outcome.committed.entry)
          return outcome
        }),
    }
  }

  assignmentFeed(clock: ProcessClock): AssignmentFeed {
    return {
      newest: async () => {
        const checkpoint = await this.#answer(clock, () => this.checkpoints.at(-1))
        if (checkpoint === undefined) return null
        const rows = await this.#answer(clock, () => [...this.assignments.values()])
        const all = await Promise.all(rows.map((row) => this.#sign(row, checkpoint)))
        return { checkpoint, assignments: all.flat() }
      },
      consistency: async (fromSize, toSize) => {
        const hashes = await consistencyProof(fromSize, toSize, this.#readTile)
        return { fromSize, toSize, hashes: hashes.map(toBase64) }
      },
    }
  }

  /** The frame that tells of an assignment, of whatever age, under a checkpoint that was signed. */
  async frameOf(row: AssignmentRow, size: number): Promise<string | null> {
    const checkpoint = this.checkpoints.find((one) => one.size === size)
    if (checkpoint === undefined) return null
    const assignments = await this.#sign(row, checkpoint)
    return JSON.stringify({ type: 'assign', assignments, checkpoint: checkpoint.note })
  }

  all(kind: string): Resource[] {
    return [...this.resources.values()].filter((one) => one.kind === kind)
  }

  /** One transaction: the resource's generation and its record. */
  commit(
    { key, baseGeneration, labels, annotations, spec, status }: Write,
    draft: Omit<ChangeRecord, 'format' | 'resource' | 'uid' | 'generation'>,
  ): CommitOutcome {
    const name = formatKey(key)
    const held = this.resources.get(name)
    const heldGeneration = held?.metadata.generation ?? 0
    if (heldGeneration !== baseGeneration) {
      return { ok: false, reason: 'conflict', generation: heldGeneration }
    }
    const generation = (held?.metadata.generation ?? this.deleted.get(name) ?? 0) + 1
    const uid = held?.metadata.uid ?? `uid-${this.#chance.between(0, 1e9)}`
    const at = { createdAtMs: draft.atMs, updatedAtMs: draft.atMs }
    const { project } = key
    const resource: Resource = {
      ...{ apiVersion, kind: key.kind, spec: clone(spec) },
      metadata: { name: key.name, project, labels, annotations, uid, generation, ...at },
      status: clone(status === undefined ? held?.status : status) ?? {},
    }
    if (spec === null) {
      this.resources.delete(name)
      this.deleted.set(name, generation)
    } else this.resources.set(name, resource)
    const head = { format: 'tutti/change/v1' as const, resource: name, uid, generation }
    const record = changeRecord.parse({ ...draft, ...head })
    const entry = this.entries.push({ salt: randomBytes(16), body: canonicalJson(record), record })
    this.onNews({ resource: `${key.kind}/${project}/${key.name}` })
    this.onNews('ledger')
    return { ok: true, committed: { resource, entry: entry - 1 } }
  }

  /** The sequencer's turn in a process of the control plane. */
  sequenceFor(clock: ProcessClock): Promise<void> {
    const isWaiting = this.entries.length > this.#edge.size
    return isWaiting ? this.#write(clock, 'sequence', () => this.sequence()) : Promise.resolve()
  }

  /** Gives waiting records their places and signs the next checkpoint. */
  sequence(): void {
    const { size } = this.#edge
    const waiting = this.entries.slice(size)
    if (waiting.length === 0) return
    const commitments = waiting.map(({ salt, body }) => Buffer.from(commitment(salt, body)))
    const growth = growTree(this.#edge, commitments)
    this.#edge = growth.edge
    for (const { tile, bytes } of [...growth.full, ...growth.partial]) {
      this.#tiles.set(`${tile.level}/${tile.index}`, bytes)
    }
    const origin = this.#keys.log.verifier.name
    const head = { origin, size: growth.edge.size, root: growth.root, extensions: [] }
    const note = signNote(formatCheckpoint(head), [this.#keys.log])
    this.checkpoints.push({ size: head.size, note, root: toBase64(growth.root) })
    this.onNews('checkpoint')
  }

  #saveAssignment(issued: Omit<AssignmentRow, 'signature' | 'entry'>, entry: number): void {
    const key = `${issued.project}/${issued.deployment}`
    const held = this.assignments.get(key)
    const isNewer =
      held === undefined ||
      issued.generation > held.generation ||
      (issued.generation === held.generation && issued.revision > held.revision)
    if (!isNewer) return
    const signature = this.#keys.sign(signingPrefix.assignment, issued.payload)
    const row = { ...issued, signature, entry: String(entry) }
    this.issued.set(row.payload, row)
    this.assignments.set(key, row)
  }

  #saveStatus(key: ResourceKey, generation: number, status: unknown): boolean {
    const held = this.resources.get(formatKey(key))
    if (held?.metadata.generation !== generation) return false
    this.resources.set(formatKey(key), { ...held, status: clone(status) })
    this.onNews({ resource: `${key.kind}/${key.project}/${key.name}` })
    return true
  }

  async #sign(
    row: AssignmentRow,
    checkpoint: { readonly size: number; readonly note: string },
  ): Promise<SignedAssignment[]> {
    const leafIndex = Number(row.entry)
    const entry = this.entries[leafIndex]
    if (entry === undefined || leafIndex >= checkpoint.size) return []
    const hashes = await inclusionProof(leafIndex, checkpoint.size, this.#readTile)
    const proof = {
      record: entry.body,
      salt: entry.salt.toString('base64'),
      ...{ leafIndex, treeSize: checkpoint.size },
      hashes: hashes.map(toBase64),
    }
    const { payload, signature } = row
    return [{ payload, signature, keyId: this.#keys.did, proof, checkpoint: checkpoint.note }]
  }

  readonly #readTile: ReadTile = async (level, index, width) =>
    this.#tiles.get(`${level}/${index}`)?.subarray(0, width * hashBytes) ?? new Uint8Array(0)

  /** The way there takes time, and so does the way back: a process may die on either. */
  async #answer<T>(clock: ProcessClock, read: () => T | Promise<T>): Promise<T> {
    await this.#pause(clock)
    const answer = await read()
    await this.#pause(clock)
    return answer
  }

  #write<T>(clock: ProcessClock, what: string, write: () => T): Promise<T> {
    return this.#answer(clock, () => {
      if (!this.onWrite(`before ${what}`)) return forever<T>()
      const answer = write()
      this.onWrite(`after ${what}`)
      return answer
    })
  }

  #pause(clock: ProcessClock): Promise<void> {
    return new Promise((resolve) => {
      clock.schedule(this.#chance.next() * this.delayMsMax, resolve)
    })
  }
}

export function sha256(text: string): string {
  return `sha256:${createHash('sha256').update(text).digest('hex')}`
}

/** What the dead wait for. */
function forever<T>(): Promise<T> {
  return new Promise(() => {})
}

function clone<T>(value: T): T {
  return value === undefined ? value : structuredClone(value)
}

function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64')
}
