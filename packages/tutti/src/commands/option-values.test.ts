// What options are given: said wrong before anything is started or sent.

import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { makeProgram } from '../program.ts'

const folder = mkdtempSync(join(tmpdir(), 'tutti-options-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test.each([
  ['gateway --drain 0', '--drain: expected 1 to 86400, got 0'],
  ['gateway --drain 86401', '--drain: expected 1 to 86400, got 86401'],
  ['gateway --drain 2147484', '--drain: expected 1 to 86400, got 2147484'],
  ['gateway --drain 8s', '--drain: expected 1 to 86400, got 8s'],
  ['gateway --workers 2 --drain 0', '--drain: expected 1 to 86400, got 0'],
  ['gateway --workers 1e3', '--workers: expected a whole number from 1 on, got 1e3'],
  [
    'key create app --requests-per-minute 0',
    '--requests-per-minute: expected a whole number from 1 on, got 0',
  ],
  [
    'key create app --tokens-per-minute 0x10',
    '--tokens-per-minute: expected a whole number from 1 on, got 0x10',
  ],
  [
    'key create app --concurrent 99999999999999999999',
    '--concurrent: expected a whole number from 1 on, got 99999999999999999999',
  ],
  ['gateway --port 65536', '--port: expected 0 to 65535, got 65536'],
  ['gateway --public-url here', '--public-url: expected http(s)://host:port, got here'],
  ['up --port x', '--port: expected 0 to 65535, got x'],
  ['up --gateway-port x', '--gateway-port: expected 0 to 65535, got x'],
  [
    'up --port 7071 --gateway-port 7071',
    '--gateway-port: expected another port than --port has, got 7071',
  ],
  ['up --heartbeat-ms 0', '--heartbeat-ms: expected a whole number from 1 on, got 0'],
  [
    'control-plane --log-level inf',
    '--log-level: expected trace, debug, info, warn, error, fatal, silent, got inf: did you mean info?',
  ],
  ['control-plane --public-url h:1', '--public-url: expected http(s)://host:port, got h:1'],
  ['control-plane --infer-url ftp://h', '--infer-url: expected http(s)://host:port, got ftp://h'],
  ['node --memory 1G', '--memory: expected a whole number from 1 on, got 1G'],
  ['node --endpoint h', '--endpoint: expected http(s)://host:port, got h'],
  [
    'node --allow-run scripts',
    '--allow-run: expected script, shell, container, got scripts: did you mean script?',
  ],
  ['join h:7070 --token t', 'URL: expected http(s)://host:port, got h:7070'],
  ['join --token t --threads 0', '--threads: expected a whole number from 1 on, got 0'],
  ['get nodes -o xml', '--output: expected yaml, json, got xml'],
  ['get nodes -l a=b=c', 'labels: expected a=b,c=d, got a=b=c'],
  ['logs --tail -1', '--tail: expected a whole number from 1 on, got -1'],
  ['requests --limit some', '--limit: expected a whole number from 1 on, got some'],
  ['token --expires 43201', '--expires: expected minutes, at most 43200, got 43201'],
  [
    'workflow list --since monday',
    '--since: expected a time such as 2026-11-21T09:00:00Z, got monday',
  ],
  ['workflow backfill a.b --from 5', '--from: expected a time such as 2026-11-21T09:00:00Z, got 5'],
  [
    'workflow backfill a.b --concurrency 1.5',
    '--concurrency: expected a whole number from 1 on, got 1.5',
  ],
])('tutti %s: %s', async (line, message) => {
  const words = line.split(' ')
  const program = await makeProgram(words[0])
  const isPart = ['control-plane', 'node', 'join', 'up'].includes(words[0] ?? '')
  const home = join(folder, String(words.length))
  const known = ['--home', home, ...(isPart ? [] : ['--url', 'http://127.0.0.1:1', '--key', 'k'])]
  const run = program.parseAsync([...words, ...known], { from: 'user' })
  await expect(run).rejects.toMatchObject({ code: 'tutti/argument-invalid', message })
  expect(existsSync(home)).toBe(false)
})

test('the URL of a database is not said again: it holds a password', async () => {
  const words = ['control-plane', '--database-url', 'mysql://a:secret@b/c', '--home', folder]
  const run = (await makeProgram('control-plane')).parseAsync(words, { from: 'user' })
  const url = 'postgres://user:password@host:5432/name'
  const message = `--database-url, DATABASE_URL: expected ${url}, got something else`
  await expect(run).rejects.toMatchObject({ code: 'tutti/argument-invalid', message })
})

test('a publisher is a PEM public key that can be read', async () => {
  const words = ['node', '--publisher', join(folder, 'none.pem'), '--home', folder]
  const run = (await makeProgram('node')).parseAsync(words, { from: 'user' })
  await expect(run).rejects.toMatchObject({
    code: 'tutti/file-unreadable',
    message: expect.stringContaining('--publisher: expected a PEM public key in'),
  })
})
