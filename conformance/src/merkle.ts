// Conformance: Merkle proofs
//
// Runs every vector of github.com/transparency-dev/merkle (folder `testdata`, Apache-2.0) through
// the ledger's verifiers. Each vector says itself whether it must be refused (`wantErr`).

import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  verifyConsistency,
  verifyInclusion,
  verifySubtreeConsistency,
  verifySubtreeInclusion,
} from '@tutti/ledger'
import type { Score } from './score.ts'

type Fields = Readonly<Record<string, unknown>>

/** Judges one kind of vector: whether the proof in it was accepted. */
const judges: Readonly<Record<string, (vector: Fields) => boolean>> = {
  inclusion: (vector) =>
    verifyInclusion({
      index: numberIn(vector, 'leafIdx'),
      size: numberIn(vector, 'treeSize'),
      leaf: bytesIn(vector, 'leafHash'),
      root: bytesIn(vector, 'root'),
      proof: proofIn(vector),
    }).ok,
  consistency: (vector) =>
    verifyConsistency({
      oldSize: numberIn(vector, 'size1'),
      newSize: numberIn(vector, 'size2'),
      oldRoot: bytesIn(vector, 'root1'),
      newRoot: bytesIn(vector, 'root2'),
      proof: proofIn(vector),
    }).ok,
  subtreeinclusion: (vector) =>
    verifySubtreeInclusion({
      index: numberIn(vector, 'leafIdx'),
      start: numberIn(vector, 'start'),
      end: numberIn(vector, 'end'),
      leaf: bytesIn(vector, 'leafHash'),
      root: bytesIn(vector, 'root'),
      proof: proofIn(vector),
    }).ok,
  subtreeconsistency: (vector) =>
    verifySubtreeConsistency({
      start: numberIn(vector, 'start'),
      end: numberIn(vector, 'end'),
      size: numberIn(vector, 'size'),
      subtreeRoot: bytesIn(vector, 'root1'),
      root: bytesIn(vector, 'root2'),
      proof: proofIn(vector),
    }).ok,
}

/** Runs all vectors below `<dataFolder>/ledger/testdata`. */
export async function merkle(dataFolder: string): Promise<Score> {
  const notes: string[] = []
  let total = 0
  for (const [kind, accepts] of Object.entries(judges)) {
    const folder = join(dataFolder, 'ledger', 'testdata', kind)
    for (const path of (await readdir(folder, { recursive: true })).sort()) {
      if (!path.endsWith('.json')) continue
      total += 1
      const vector = parseVector(await readFile(join(folder, path), 'utf8'))
      const wanted = vector['wantErr'] === false
      if (accepts(vector) === wanted) continue
      notes.push(`${kind}/${path}: expected it to be ${wanted ? 'accepted' : 'refused'}`)
    }
  }
  return { passed: total - notes.length, total, notes }
}

function parseVector(text: string): Fields {
  const value: unknown = JSON.parse(text)
  if (typeof value !== 'object' || value === null) throw new Error(`not a vector: ${text}`)
  return { ...value }
}

/** Sizes beyond 2^53 - 1 lose digits here and are then refused: that is what we promise. */
function numberIn(vector: Fields, name: string): number {
  const value = vector[name]
  if (typeof value !== 'number') throw new Error(`expected a number in ${name}, got ${value}`)
  return value
}

function bytesIn(vector: Fields, name: string): Uint8Array {
  const value = vector[name]
  if (value === null) return new Uint8Array(0)
  if (typeof value !== 'string') throw new Error(`expected base64 in ${name}, got ${value}`)
  return Buffer.from(value, 'base64')
}

function proofIn(vector: Fields): readonly Uint8Array[] {
  const value = vector['proof']
  if (value === null) return []
  if (!Array.isArray(value)) throw new Error(`expected a list in proof, got ${value}`)
  return value.map((hash) => Buffer.from(String(hash), 'base64'))
}
