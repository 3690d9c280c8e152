import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  growSample,
  logKey,
  origin,
  sampleCheckpoint,
  sampleLeaves,
  witnessKey,
} from '../../samples/sample-log.ts'
import { exportLog } from '../export/index.ts'
import { runCli } from './index.ts'

const vkey = logKey.verifier.vkey
const leaves = sampleLeaves(20)
let work = ''
let folder = ''

beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), 'tutti-ledger-cli-'))
  folder = join(work, 'export')
  const checkpoint = sampleCheckpoint(growSample(leaves.map(({ entry }) => entry)).edge)
  await exportLog(folder, { checkpoint, keys: [vkey, witnessKey.verifier.vkey], leaves })
})

afterAll(() => rm(work, { recursive: true }))

describe('verify', () => {
  test('says that all is well, and whose key it believed', async () => {
    const pinned = await run('verify', folder, '--vkey', vkey)
    expect(pinned).toEqual({
      code: 0,
      out:
        `ok: ${origin} with 20 entries, 3 of them erased\n` +
        'witnessed by witness.example.com/w1 at 2023-03-20T12:25:47.000Z\n',
      err: '',
    })
    const unpinned = await run('verify', folder)
    expect(unpinned).toMatchObject({ code: 0, out: expect.stringContaining('not pinned: ') })
  })

  test('exits with 1 and names file and entry when a byte was changed', async () => {
    const path = join(folder, 'bodies.jsonl')
    const text = await readFile(path, 'utf8')
    await writeFile(path, text.replace('naïve', 'naive'))
    const { code, out } = await run('verify', folder, '--vkey', vkey)
    expect(code).toBe(1)
    expect(out).toMatch(/^bodies\.jsonl, entry 0: .*\(body-changed\)/)
    const json = await run('verify', folder, '--vkey', vkey, '--json')
    expect(JSON.parse(json.out)).toMatchObject({
      ok: false,
      pinned: true,
      log: { size: 20 },
      findings: [{ code: 'body-changed', file: 'bodies.jsonl', index: 0 }],
    })
    await writeFile(path, text)
  })

  test('lets no file name play with the terminal', async () => {
    const extra = join(folder, 'x\u001b[2J\u009b2J')
    await writeFile(extra, '')
    const { out } = await run('verify', folder, '--vkey', vkey)
    expect(out).toContain('x\\u001b[2J\\u009b2J: ')
    await rm(extra)
  })

  test('compares with an earlier checkpoint and asks for witnesses', async () => {
    const since = join(work, 'earlier')
    await writeFile(since, sampleCheckpoint(growSample([Buffer.of(1)]).edge))
    const { code, out } = await run('verify', folder, '--vkey', vkey, '--since', since)
    expect({ code, out }).toMatchObject({ code: 1, out: expect.stringContaining('not-consistent') })
    const witness = witnessKey.verifier.vkey
    expect((await run('verify', folder, '--witness', witness)).code).toBe(0)
  })
})

describe('prove and check-proof', () => {
  test('carry one entry to someone who has only the key', async () => {
    const proof = join(work, 'proof.json')
    const proved = await run('prove', folder, '7')
    await writeFile(proof, proved.out)
    const checked = await run('check-proof', proof, '--vkey', vkey)
    expect(checked).toMatchObject({ code: 0, out: expect.stringContaining(`ok: entry 7 of 20 in`) })
    expect(checked.out).toContain('"index":7')
    await writeFile(proof, proved.out.replace('"index": 7', '"index": 8'))
    expect(await run('check-proof', proof, '--vkey', vkey)).toMatchObject({
      code: 1,
      err: expect.stringContaining('root-mismatch'),
    })
  })

  test('say so when the body was erased', async () => {
    const proof = join(work, 'erased.json')
    await writeFile(proof, (await run('prove', folder, '3')).out)
    const { out } = await run('check-proof', proof, '--vkey', vkey)
    expect(out).toContain('its body was erased')
  })
})

test('--help shows examples', async () => {
  expect(await run('--help')).toMatchObject({ code: 0, out: expect.stringContaining('Examples') })
})

test.each([
  [[], 'got no command'],
  [['frobnicate'], 'got frobnicate'],
  [['verify'], 'verify: expected DIR, got 0 operands'],
  [['verify', 'a', 'b'], 'got 2 operands'],
  [['verify', '.', '--vkey', 'x'], 'ledger/bad-vkey'],
  [['verify', '.', '--since', '/nowhere/checkpoint'], 'ENOENT'],
  [['verify', 'a'], 'verify: expected the folder of an export, got a'],
  [['verify', 'a', '--frob'], '--frob'],
  [['prove', 'a', '1'], 'prove: expected the folder of an export, got a'],
  [['prove', 'a', '-1'], '-1'],
  [['prove', 'a', 'x'], 'expected an index such as 41, got x'],
  [['prove', 'a', '1', '--json'], 'prove does not take --json'],
  [['check-proof', 'a'], 'expected --vkey KEY'],
  [['check-proof', '/nowhere/proof', '--vkey', vkey], 'ENOENT'],
])('%j is not understood and exits with 2', async (words, complaint) => {
  expect(await run(...words)).toMatchObject({ code: 2, err: expect.stringContaining(complaint) })
})

async function run(...words: readonly string[]) {
  let out = ''
  let err = ''
  const code = await runCli(words, {
    print: (text) => {
      out += text
    },
    complain: (text) => {
      err += text
    },
  })
  return { code, out, err }
}
