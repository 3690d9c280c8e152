// Bench: ledger
//
// Claim: the tree takes at least 10,000 entries a second on one core, durably. Batches of 256 with their tiles
// and a signed checkpoint, each batch made durable with fdatasync, against one entry at a time: what the
// sequencer's batching buys.

import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  emptyEdge,
  formatCheckpoint,
  growTree,
  signerKeyFromSeed,
  signNote,
  type TreeEdge,
} from '@tutti/ledger'
import { report, round } from './report.ts'

const rounds = 5
const batched = { batch: 256, entries: 50_000 }
const single = { batch: 1, entries: 500 }

export async function ledger(): Promise<void> {
  const rates: { batched: number; single: number }[] = []
  for (let i = 0; i < rounds; i++) rates.push({ batched: rateOf(batched), single: rateOf(single) })
  const median = (values: number[]) =>
    values.sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0
  const value = median(rates.map((rate) => rate.batched))
  const peer = median(rates.map((rate) => rate.single))
  report(
    rates.map((rate, i) => ({
      round: i + 1,
      'batches of 256, entries/s': Math.round(rate.batched),
      'one by one, entries/s': Math.round(rate.single),
    })),
    {
      bench: 'ledger',
      metric: 'durable appends',
      value: Math.round(value),
      unit: 'entries/s',
      peer: 'one entry per fdatasync',
      ratio: round(value / peer),
    },
  )
}

/** Entries per second: grown, written, signed and on disk. */
function rateOf({ batch, entries }: { readonly batch: number; readonly entries: number }): number {
  const folder = mkdtempSync(join(tmpdir(), 'tutti-bench-ledger-'))
  const file = openSync(join(folder, 'log'), 'a')
  const signer = signerKeyFromSeed('bench/ledger', Buffer.alloc(32, 1), 'note')
  const startMs = performance.now()
  let edge: TreeEdge = emptyEdge
  for (let done = 0; done < entries; done += batch) {
    const some = Array.from({ length: batch }, (_, i) => entryOf(done + i))
    const growth = growTree(edge, some)
    edge = growth.edge
    for (const { bytes } of [...growth.full, ...growth.partial]) writeSync(file, bytes)
    const { size } = edge
    const text = formatCheckpoint({
      origin: 'bench/ledger',
      size,
      root: growth.root,
      extensions: [],
    })
    writeSync(file, signNote(text, [signer]))
    fdatasyncSync(file)
  }
  const seconds = (performance.now() - startMs) / 1000
  closeSync(file)
  rmSync(folder, { recursive: true, force: true })
  return entries / seconds
}

function entryOf(index: number): Buffer {
  const entry = Buffer.alloc(33, 1)
  entry.writeUInt32BE(index, 1)
  return entry
}
