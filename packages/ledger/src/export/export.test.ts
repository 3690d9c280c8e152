import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  growSample,
  logKey,
  origin,
  sampleCheckpoint,
  sampleLeaves,
  witnessKey,
} from '../../samples/sample-log.ts'
import { formatCheckpoint, parseVerifierKey, signerKeyFromSeed, signNote } from '../note/index.ts'
import { checkEntryProof, exportLog, proveEntry, verifyExport } from './index.ts'

const size = 600
const leaves = sampleLeaves(size)
const keys = [logKey.verifier.vkey, witnessKey.verifier.vkey]
const pin = { vkey: logKey.verifier.vkey, witnesses: [witnessKey.verifier.vkey] }
let work = ''
let sound = ''
let files: readonly string[] = []

beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), 'tutti-ledger-'))
  sound = join(work, 'sound')
  await exportSample(sound, size)
  files = await filesIn(sound)
})

afterAll(() => rm(work, { recursive: true }))

describe('a sound export', () => {
  test('has the files of the static layout and nothing else', () => {
    expect(files).toEqual(
      [
        'bodies.jsonl',
        'checkpoint',
        'log.vkey',
        'tile/0/000',
        'tile/0/001',
        'tile/0/002.p/88',
        'tile/1/000.p/2',
        'tile/entries/000',
        'tile/entries/001',
        'tile/entries/002.p/88',
      ].sort(),
    )
  })

  test('passes, pinned or not, and says which', async () => {
    const log = {
      origin,
      size,
      erased: leaves.filter((leaf) => 'erased' in leaf).length,
      cosignatures: [{ name: 'witness.example.com/w1', timestampSeconds: 1_679_315_147 }],
    }
    expect(await verifyExport(sound, pin)).toMatchObject({ ok: true, pinned: true, log })
    expect(await verifyExport(sound)).toMatchObject({ ok: true, pinned: false, log })
  })

  test.each([0, 1, 255, 256, 257, 511, 512])('passes at %i entries', async (each) => {
    const folder = join(work, `size-${each}`)
    await exportSample(folder, each)
    expect(await verifyExport(folder, pin)).toMatchObject({ ok: true, findings: [] })
  })
})

describe('one flipped bit', () => {
  test('is found wherever it is, and blamed on its file', () =>
    fc.assert(
      fc.asyncProperty(
        fc.nat(100).map((n) => files[n % files.length] ?? ''),
        fc.nat(),
        fc.nat(7),
        async (file, at, bit) => {
          await withFlip(sound, { file, at, bit }, async () => {
            const { ok, findings } = await verifyExport(sound)
            expect(ok).toBe(false)
            expect(findings.map((finding) => finding.file)).toContain(file)
          })
        },
      ),
      { numRuns: 250 },
    ))

  test('is found at every byte of a small export', async () => {
    const folder = join(work, 'tiny')
    await exportSample(folder, 2)
    for (const file of await filesIn(folder)) {
      const { length } = await readFile(join(folder, file))
      for (let at = 0; at < length; at++) {
        await withFlip(folder, { file, at, bit: at % 8 }, async () => {
          expect((await verifyExport(folder, pin)).ok, `${file} byte ${at}`).toBe(false)
        })
      }
    }
  })

  // T2: one change makes one finding, which names the entry.
  test.each([
    ['tile/entries/001', 2 + 35 * 10 + 5, 'entry-changed', 266],
    ['tile/entries/002.p/88', 2 + 35 * 10 + 5, 'entry-changed', 522],
    ['tile/0/001', 32 * 10, 'tile-changed', 266],
    ['tile/0/002.p/88', 32 * 10, 'tile-changed', 522],
    ['tile/1/000.p/2', 32, 'tile-changed', 256],
  ])('in %s at byte %i is one finding', async (file, at, code, index) => {
    await withFlip(sound, { file, at, bit: 0 }, async () => {
      const { findings } = await verifyExport(sound, pin)
      expect(findings).toMatchObject([{ code, file, index }])
    })
  })

  test('is found and blamed at every level of a larger tree', async () => {
    const folder = join(work, 'large')
    const many = Array.from({ length: 66_000 }, (_, i) => Buffer.from(`${i}`))
    const checkpoint = sampleCheckpoint(growSample(many).edge)
    const erased = many.map((entry) => ({ entry, erased: true }) as const)
    await exportLog(folder, { checkpoint, keys, leaves: erased })
    expect(await verifyExport(folder, pin)).toMatchObject({ ok: true, log: { erased: 66_000 } })
    for (const [file, at, index] of [
      ['tile/2/000.p/1', 5, 0],
      ['tile/1/000', 32 * 255, 65_280],
      ['tile/1/001.p/1', 0, 65_536],
      ['tile/0/255', 0, 65_280],
    ] as const) {
      await withFlip(folder, { file, at, bit: 1 }, async () => {
        const { findings } = await verifyExport(folder, pin)
        expect(findings).toMatchObject([{ code: 'tile-changed', file, index }])
      })
    }
  })

  test('in the middle of the bodies names the entry and spares the others', async () => {
    const text = await readFile(join(sound, 'bodies.jsonl'), 'utf8')
    const changes = [
      ['"index":300,', '"index":301,', 1],
      ['\\"index\\":300,', '\\"index\\":301,', 1],
      ['{"index":300,', '{ "index":300,', 1],
    ] as const
    for (const [from, to, most] of changes) {
      const folder = await copyOf(sound)
      await writeFile(join(folder, 'bodies.jsonl'), text.replace(from, to))
      const { findings } = await verifyExport(folder, pin)
      expect(findings.length).toBeLessThanOrEqual(most)
      expect(findings[0]).toMatchObject({ file: 'bodies.jsonl', index: 300 })
    }
  })
})

describe('a file', () => {
  test('too many is found', async () => {
    for (const extra of ['notes.txt', 'tile/0/002', 'tile/0/002.p/87', 'tile/2/000.p/1']) {
      const folder = await copyOf(sound)
      await mkdir(join(folder, extra, '..'), { recursive: true })
      await writeFile(join(folder, extra), 'x')
      expect(await verifyExport(folder, pin)).toMatchObject({
        findings: [{ code: 'extra-file', file: extra }],
      })
    }
  })

  test('too few is found', async () => {
    for (const file of files) {
      const folder = await copyOf(sound)
      await rm(join(folder, file))
      const { ok, findings } = await verifyExport(folder)
      expect(ok).toBe(false)
      expect(findings).toContainEqual(expect.objectContaining({ code: 'missing-file', file }))
    }
  })

  test('cut short or made longer is found', async () => {
    for (const file of files) {
      const bytes = await readFile(join(sound, file))
      for (const wrong of [bytes.subarray(0, -1), Buffer.concat([bytes, Buffer.of(0x0a)])]) {
        const folder = await copyOf(sound)
        await writeFile(join(folder, file), wrong)
        const { findings } = await verifyExport(folder)
        expect(findings.map((finding) => finding.file)).toContain(file)
      }
    }
  })

  test('that is a link is not followed', async () => {
    const folder = await copyOf(sound)
    await rm(join(folder, 'tile/0/000'))
    await symlink(join(sound, 'tile/0/000'), join(folder, 'tile/0/000'))
    const { findings } = await verifyExport(folder, pin)
    expect(findings.map(({ code }) => code)).toEqual(['extra-file', 'missing-file'])
  })

  test('can be lost with its neighbour and the rest is still checked', async () => {
    const folder = await copyOf(sound)
    await rm(join(folder, 'tile/0/000'))
    await rm(join(folder, 'tile/entries/000'))
    const { findings } = await verifyExport(folder, pin)
    expect(findings.map(({ code }) => code)).toEqual(['missing-file', 'missing-file'])
  })
})

describe('trust', () => {
  const other = signerKeyFromSeed(origin, Buffer.alloc(32, 7), 'note')

  test('another log’s export passes unpinned and fails pinned', async () => {
    const folder = join(work, 'other')
    const { edge } = growSample(leaves.slice(0, 3).map(({ entry }) => entry))
    const { root } = growSample(leaves.slice(0, 3).map(({ entry }) => entry))
    const text = formatCheckpoint({ origin, size: edge.size, root, extensions: [] })
    await exportLog(folder, {
      checkpoint: signNote(text, [other]),
      keys: [other.verifier.vkey],
      leaves: leaves.slice(0, 3),
    })
    expect(await verifyExport(folder)).toMatchObject({ ok: true, pinned: false })
    const { findings } = await verifyExport(folder, { vkey: pin.vkey })
    expect(findings.map(({ code }) => code)).toEqual(['other-key', 'bad-checkpoint'])
    const { findings: lonely } = await verifyExport(folder, { witnesses: pin.witnesses })
    expect(lonely.map(({ code }) => code)).toEqual(['missing-cosignature'])
  })

  test('a signature that nobody can check is a finding', async () => {
    const folder = await copyOf(sound)
    await writeFile(join(folder, 'log.vkey'), `${pin.vkey}\n`)
    expect(await verifyExport(folder, { vkey: pin.vkey })).toMatchObject({
      findings: [{ code: 'unknown-signature', file: 'checkpoint' }],
    })
  })

  test('an earlier checkpoint must be part of the log', async () => {
    const entries = leaves.map(({ entry }) => entry)
    for (const old of [0, 1, 256, 300, 600]) {
      const since = sampleCheckpoint(growSample(entries.slice(0, old)).edge)
      expect(await verifyExport(sound, { ...pin, since })).toMatchObject({ ok: true })
    }
    const rewritten = sampleCheckpoint(growSample(entries.slice(1, 300)).edge)
    const longer = sampleCheckpoint(growSample([...entries, Buffer.of(1)]).edge)
    for (const since of [rewritten, longer]) {
      expect(await verifyExport(sound, { ...pin, since })).toMatchObject({
        findings: [{ code: 'not-consistent' }],
      })
    }
    expect(await verifyExport(sound, { ...pin, since: 'not a note' })).toMatchObject({
      findings: [{ code: 'bad-earlier-checkpoint' }],
    })
  })

  test('a signed root that is not that of the files is found', async () => {
    const folder = await copyOf(sound)
    const { edge } = growSample(sampleLeaves(size - 1).map(({ entry }) => entry))
    const { edge: same } = growSample(
      [...leaves.slice(1), ...leaves.slice(0, 1)].map((l) => l.entry),
    )
    await writeFile(join(folder, 'checkpoint'), sampleCheckpoint(same))
    expect(await verifyExport(folder, pin)).toMatchObject({ findings: [{ code: 'root-mismatch' }] })
    await writeFile(join(folder, 'checkpoint'), sampleCheckpoint(edge))
    expect((await verifyExport(folder, pin)).ok).toBe(false)
  })

  test('a forged size ends the check, not the machine', async () => {
    const folder = join(work, 'forged')
    await mkdir(folder)
    const text = formatCheckpoint({
      origin,
      size: Number.MAX_SAFE_INTEGER,
      root: Buffer.alloc(32),
      extensions: [],
    })
    await writeFile(join(folder, 'checkpoint'), signNote(text, [other]))
    await writeFile(join(folder, 'log.vkey'), `${other.verifier.vkey}\n`)
    const { ok, log, findings } = await verifyExport(folder, { findingsMax: 50 })
    expect({ ok, log }).toEqual({ ok: false, log: null })
    expect(findings.length).toBe(51)
    expect(findings.at(-1)?.code).toBe('too-many-findings')
  })

  test('a malformed pin is the caller’s error', () =>
    expect(verifyExport(sound, { vkey: 'x' })).rejects.toMatchObject({ code: 'ledger/bad-vkey' }))
})

describe('exporting', () => {
  const checkpoint = () => sampleCheckpoint(growSample(leaves.map(({ entry }) => entry)).edge)

  test('refuses a folder that has anything in it', () =>
    expect(exportLog(sound, { checkpoint: checkpoint(), keys, leaves })).rejects.toMatchObject({
      code: 'ledger/export-exists',
    }))

  test('refuses what would not verify, and leaves no checkpoint behind', async () => {
    const swapped = leaves.map((leaf, i) =>
      'body' in leaf && i === 8 ? { ...leaf, body: '' } : leaf,
    )
    const cases = [
      [{ checkpoint: checkpoint(), keys, leaves: leaves.slice(1) }, 'ledger/export-mismatch'],
      [{ checkpoint: checkpoint(), keys, leaves: swapped }, 'ledger/bad-body'],
      [{ checkpoint: checkpoint(), keys: keys.slice(0, 1), leaves }, 'ledger/bad-checkpoint'],
      [{ checkpoint: `${checkpoint()}x`, keys, leaves }, 'ledger/bad-checkpoint'],
      [{ checkpoint: checkpoint(), keys: [], leaves }, 'ledger/bad-vkey'],
    ] as const
    for (const [i, [log, code]] of cases.entries()) {
      const folder = join(work, `refused-${i}`)
      await expect(exportLog(folder, log)).rejects.toMatchObject({ code })
      const left = await filesIn(folder).catch(() => [])
      expect(left).not.toContain('checkpoint')
    }
  })
})

describe('the proof of one entry', () => {
  test('holds for the log’s key alone', async () => {
    for (const index of [0, 3, 255, 256, 599]) {
      const proved = await proveEntry(sound, index)
      const text = proved.ok ? proved.text : ''
      const leaf = leaves[index]
      const body = leaf !== undefined && 'body' in leaf ? leaf.body : null
      expect(checkEntryProof(text, parseVerifierKey(pin.vkey))).toMatchObject({
        ok: true,
        index,
        body,
        checkpoint: { size },
      })
    }
  })

  test('fails with any bit flipped', async () => {
    const proved = await proveEntry(sound, 599)
    const text = Buffer.from(proved.ok ? proved.text : '')
    // Lines of the witness are not checked here: nobody named its key.
    const end = text.indexOf('— witness.example.com')
    fc.assert(
      fc.property(fc.nat(end - 1), fc.nat(7), (at, bit) => {
        const changed = Buffer.from(text)
        changed[at] = (changed[at] ?? 0) ^ (1 << bit)
        expect(checkEntryProof(changed.toString(), logKey.verifier).ok).toBe(false)
      }),
    )
  })

  test('is not given for what a damaged export cannot prove', async () => {
    for (const [file, at] of [
      ['tile/entries/000', 40],
      ['tile/0/000', 10],
      ['tile/1/000.p/2', 32],
      ['bodies.jsonl', 200],
      ['checkpoint', 10],
      ['log.vkey', 10],
    ] as const) {
      await withFlip(sound, { file, at, bit: 0 }, async () => {
        expect(await proveEntry(sound, 1)).toMatchObject({ ok: false })
      })
    }
    await expect(proveEntry(sound, size)).rejects.toMatchObject({ code: 'ledger/out-of-range' })
  })
})

async function exportSample(folder: string, entries: number): Promise<void> {
  const some = leaves.slice(0, entries)
  const { edge } = growSample(some.map(({ entry }) => entry))
  await exportLog(folder, { checkpoint: sampleCheckpoint(edge), keys, leaves: some })
}

async function withFlip(
  folder: string,
  { file, at, bit }: { file: string; at: number; bit: number },
  check: () => Promise<void>,
): Promise<void> {
  const path = join(folder, file)
  const bytes = await readFile(path)
  const changed = Buffer.from(bytes)
  const place = at % bytes.length
  changed[place] = (changed[place] ?? 0) ^ (1 << bit)
  await writeFile(path, changed)
  try {
    await check()
  } finally {
    await writeFile(path, bytes)
  }
}

async function copyOf(folder: string): Promise<string> {
  const copy = await mkdtemp(join(work, 'copy-'))
  await cp(folder, copy, { recursive: true })
  return copy
}

async function filesIn(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort()
}
