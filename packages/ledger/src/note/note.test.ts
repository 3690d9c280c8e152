import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { LedgerFailure } from '../failure.ts'
import {
  cosignNote,
  formatCheckpoint,
  formatSignerKey,
  openCheckpoint,
  openNote,
  parseCheckpoint,
  parseSignerKey,
  parseVerifierKey,
  signerKeyFromSeed,
  signNote,
} from './index.ts'

// golang.org/x/mod/sumdb/note: the key and note of its documentation and tests.
const peterVkey = 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW'
const peterSkey = 'PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz'
const peterText =
  'If you think cryptography is the answer to your problem,\n' +
  "then you don't know what your problem is.\n"
const peterLine =
  '— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n'
const peterNote = `${peterText}\n${peterLine}`
const peter = parseVerifierKey(peterVkey)

// The key pair with which transparency-dev/tessera signs its test log.
const tesseraVkey = 'example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx'
const tesseraSkey =
  'PRIVATE+KEY+example.com/log/testdata+33d7b496+AeymY/SZAX0jZcJ8enZ5FY1Dz+wTML2yWSkK+9DSF3eg'

// A checkpoint that a public certificate log and four witnesses really signed.
const publicLog = parseVerifierKey(
  'arche2025h1.staging.ct.transparency.dev+ba2f06c0+AU0vHmlGCS/PdN8b2OaGmKprLI8HKM+dJ472xgFYh15f',
)
const publicWitness = parseVerifierKey(
  'remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2',
)
const publicCheckpoint = `arche2025h1.staging.ct.transparency.dev
1432088532
U7WM79jrzyhGZ5/GUBTpM7NzwdyfFx61t3RovgcC4Ro=

— arche2025h1.staging.ct.transparency.dev zTM8sQAAAZ5W0WdjBAMARjBEAiBjW5IQf9pvsYLfQFX6hoGREPMHbdQ3urbllzalApkptQIgIpwtEroeW2BXaHAI4kJXFbon5Ch9MNL5zRNZ55lvGt0=
— arche2025h1.staging.ct.transparency.dev ui8GwCF1+kWqZrxGdhj4aX3gcw7XUlXQQabg/27lefwhUkzbC3NygNI75MdhL1bfTW9g8Ei59RA23oHP7Ry1k3ZFWwQ=
— transparency.dev/DEV:witness-little-garden 2AQqhwAAAABqEiEgzgFIqqhbUoDwjMWE6UP8nd8/KYTzwZ2rhIgcqoXHAwVkjZr4AscylP3v7sEodkRAErumC2q44vdgJY096st5BQ==
— witness1.smartit.nu/witness1 pIyCDwAAAABqEiEghIp82KWebrw7/oHQwlTAm3g2RKS4+eebl8eO0WH+/iEcxZ75W3u5hNI7TOQtmJbqmNWVuE0tgh0XwzdZsDsUAQ==
— remora.n621.de 2net5wAAAABqEiEgPlfF3V06o0Y+fHM+J5J9s27wgxxcOVSpZ/2g/KSiXCg9DEZI+aVCIobWX9sXTynk5XeU/zZ0WBxtqB0DrAWfBw==
— witness.stagemole.eu Z/euoAAAAABqEiEgw0i+7g2ENfDAWHmtRzCfKTHSDwYDJA2NmKeGi9Y8FtEyOUvVr+AJmIY/2TUFucgKi7lI7cUiOvKFYe/TmN9DAg==
`

describe('keys', () => {
  test('published keys are read and written back, byte for byte', () => {
    for (const vkey of [peterVkey, tesseraVkey]) expect(parseVerifierKey(vkey).vkey).toBe(vkey)
    for (const skey of [peterSkey, tesseraSkey]) {
      expect(formatSignerKey(parseSignerKey(skey))).toBe(skey)
    }
    expect(parseSignerKey(tesseraSkey).verifier.vkey).toBe(tesseraVkey)
    expect(publicWitness.kind).toBe('cosignature')
  })

  test('every part and every changed character of a key is refused', () => {
    for (let start = 0; start < peterVkey.length; start++) {
      for (let end = start + 1; end <= peterVkey.length; end++) {
        if (start > 0 || end < peterVkey.length) expectBadVkey(peterVkey.slice(start, end))
      }
      const code = String.fromCharCode(peterVkey.charCodeAt(start) + 1)
      expectBadVkey(peterVkey.slice(0, start) + code + peterVkey.slice(start + 1))
    }
    // Another length, another type byte, each with the id that fits: the Go tests' own.
    expectBadVkey('PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==')
    expectBadVkey('PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW')
    expectBadVkey(peterVkey.toUpperCase())
    expectBadVkey(`${peterVkey}\n`)
  })

  test('a bad signer key is refused without being shown', () => {
    const changed = peterSkey.replace('c74f', 'c74e')
    expect(() => parseSignerKey(changed)).toThrow(
      expect.objectContaining({ code: 'ledger/bad-skey' }),
    )
    expect(() => parseSignerKey(changed)).not.toThrow(/AYEKFALV/)
    expect(() => signerKeyFromSeed('a name', Buffer.alloc(32), 'note')).toThrow(LedgerFailure)
    expect(() => signerKeyFromSeed('name', Buffer.alloc(31), 'note')).toThrow(LedgerFailure)
  })
})

describe('notes', () => {
  test('the published note is made and opened, byte for byte', () => {
    expect(signNote(peterText, [parseSignerKey(peterSkey)])).toBe(peterNote)
    const opened = openNote(peterNote, [peter])
    expect(opened).toMatchObject({ ok: true, text: peterText, unknown: [] })
    expect(opened.ok && opened.signatures.map(({ key }) => key.name)).toEqual(['PeterNeumann'])
  })

  test('malformed notes are refused: the Go tests’ own, and more', () => {
    const malformed = [
      peterText,
      `${peterText}\n`,
      peterNote.slice(0, -1),
      `\u0001${peterNote}`,
      `\ud800${peterNote}`,
      `${peterText}\n${peterLine.replace('PeterNeumann', 'Bad Name')}`,
      `${peterNote}Unexpected line.\n`,
      `${peterNote}\n`,
      peterNote.replaceAll('\n', '\r\n'),
      peterNote.replace('AM=', 'AN='), // the same bytes in base64 that is not canonical
      peterNote.replace('AM=', 'AM'),
      peterNote.replace('— ', '- '),
      peterNote.replace('— ', '—  '),
      `${peterText}\n${peterLine.repeat(101)}`,
      `${peterText}\n— PeterNeumann x08gow==\n`,
      `${'x'.repeat(1_000_000)}\n\n${peterLine}`,
    ]
    for (const note of malformed) {
      expect(openNote(note, [peter])).toEqual({ ok: false, reason: 'malformed' })
    }
  })

  test('unknown keys are ignored, but somebody known must have signed', () => {
    const stranger = signerKeyFromSeed('PeterNeumann', Buffer.alloc(32, 9), 'note')
    const both = signNote(peterText, [stranger, parseSignerKey(peterSkey)])
    expect(openNote(both, [peter])).toMatchObject({ ok: true, unknown: [{ name: 'PeterNeumann' }] })
    expect(openNote(peterNote, [stranger.verifier])).toEqual({ ok: false, reason: 'unverified' })
    expect(openNote(peterNote, [])).toEqual({ ok: false, reason: 'unverified' })
    expect(openNote(`${peterText}\n${peterLine.repeat(100)}`, [peter]).ok).toBe(true)
  })

  test('one bad signature under a known key spoils the note, wherever it stands', () => {
    const bad = peterLine.replace('RyyBwJnAM=', 'RyyBwJnBM=')
    for (const note of [
      `${peterText}\n${bad}`,
      `${peterNote}${bad}`,
      `${peterText}\n${bad}${peterLine}`,
    ]) {
      expect(openNote(note, [peter])).toEqual({ ok: false, reason: 'bad-signature' })
    }
  })

  test('any text can be signed; no changed note opens', () =>
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.nat(), fc.nat(7), (words, at, bit) => {
        const text = `${words.replaceAll(/\p{Cc}|\p{Cs}/gu, '\n')}\n`
        const note = signNote(text, [parseSignerKey(peterSkey)])
        expect(openNote(note, [peter])).toMatchObject({ ok: true, text })
        const bytes = Buffer.from(note)
        const place = at % bytes.length
        bytes[place] = (bytes[place] ?? 0) ^ (1 << bit)
        expect(openNote(bytes.toString(), [peter]).ok).toBe(false)
      }),
    ))

  test('what cannot be a note’s text is not signed', () => {
    for (const text of ['', 'no newline', 'tab\t\n', 'nul\u0000\n', '\ud800\n']) {
      expect(() => signNote(text, [parseSignerKey(peterSkey)])).toThrow(
        expect.objectContaining({ code: 'ledger/bad-note-text' }),
      )
    }
  })
})

describe('checkpoints', () => {
  const text = formatCheckpoint({
    origin: 'PeterNeumann',
    size: 7,
    root: Buffer.alloc(32),
    extensions: [],
  })

  test('a public log’s checkpoint opens with the keys of the log and of a witness', () => {
    const opened = openCheckpoint(publicCheckpoint, { log: publicLog, witnesses: [publicWitness] })
    expect(opened).toMatchObject({
      ok: true,
      checkpoint: { origin: publicLog.name, size: 1_432_088_532, extensions: [] },
      cosignatures: [{ key: { name: 'remora.n621.de' }, timestampSeconds: 1_779_573_024 }],
    })
    expect(opened.ok && opened.unknown.length).toBe(4)
    const grown = publicCheckpoint.replace('1432088532', '1432088533')
    for (const log of [publicLog, publicWitness]) {
      expect(openCheckpoint(grown, { log })).toEqual({ ok: false, reason: 'bad-signature' })
    }
  })

  test('a witness alone does not make a checkpoint', () => {
    const trust = { log: { ...publicLog, id: '00000000' }, witnesses: [publicWitness] }
    expect(openCheckpoint(publicCheckpoint, trust)).toEqual({ ok: false, reason: 'not-the-log' })
  })

  test('the origin must be the log’s name', () => {
    const note = signNote(text.replace('PeterNeumann', 'other'), [parseSignerKey(peterSkey)])
    expect(openCheckpoint(note, { log: peter })).toEqual({ ok: false, reason: 'not-the-log' })
  })

  test('a cosignature covers text and time', () => {
    const witness = signerKeyFromSeed('witness.example', Buffer.alloc(32, 5), 'cosignature')
    const note = cosignNote(signNote(text, [parseSignerKey(peterSkey)]), witness, 1_679_315_147)
    const opened = openCheckpoint(note, { log: peter, witnesses: [witness.verifier] })
    expect(opened).toMatchObject({ ok: true, cosignatures: [{ timestampSeconds: 1_679_315_147 }] })
    const start = note.indexOf('witness.example ') + 'witness.example '.length
    const line = Buffer.from(note.slice(start, -1), 'base64')
    line[11] = (line[11] ?? 0) ^ 1 // the last byte of the time
    const later = `${note.slice(0, start)}${line.toString('base64')}\n`
    expect(openCheckpoint(later, { log: peter, witnesses: [witness.verifier] }).ok).toBe(false)
  })

  test('only the canonical form is a checkpoint', () => {
    expect(parseCheckpoint(text)).toMatchObject({ origin: 'PeterNeumann', size: 7 })
    const wrong = [
      text.slice(0, -1),
      `${text}\n`,
      text.replace('\n7\n', '\n07\n'),
      text.replace('\n7\n', '\n+7\n'),
      text.replace('\n7\n', '\n7.0\n'),
      text.replace('\n7\n', '\n9007199254740992\n'),
      text.replace('\n7\n', '\n\n'),
      text.replace('PeterNeumann', ''),
      text.replace('AAA=', 'AAB='),
      text.replace('AAAA', ''),
    ]
    for (const each of wrong) expect(parseCheckpoint(each)).toBeNull()
    expect(parseCheckpoint(`${text}more\n`)?.extensions).toEqual(['more'])
    const bad = { origin: 'two\nlines', size: 1, root: Buffer.alloc(32), extensions: [] }
    expect(() => formatCheckpoint(bad)).toThrow(LedgerFailure)
  })
})

function expectBadVkey(vkey: string): void {
  expect(() => parseVerifierKey(vkey), vkey).toThrow(
    expect.objectContaining({ code: 'ledger/bad-vkey' }),
  )
}
