// Bench: workflow-artifact
//
// Claim: an artifact of 1 GB that goes through three steps grows the run's journal by less than 10 KB, and is never held in memory.
// It is fetched over HTTP into the content store, sent to another service, and sent once more, all on loopback.

import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  type Database,
  Engine,
  keeping,
  loadJournals,
  openBlobs,
  openDatabase,
  openEgress,
  openNews,
  openReach,
  performer,
} from '@tutti/control-plane/workflow'
import { prepareWorkflow } from '@tutti/core/workflow'
import { report, round } from './report.ts'

const artifactBytes = 2 ** 30
const chunk = Buffer.alloc(1_048_576, 'tutti')
const journalBytesMax = 10_000
const lookMs = 50

export async function workflowArtifact(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'tutti-bench-artifact-'))
  const database = await openDatabase({ url: undefined, dataFolder: folder })
  const server = createServer((incoming, answer) => void serve(incoming, answer))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const beforeBytes = process.memoryUsage().rss
  let mostBytes = beforeBytes
  const look = setInterval(() => {
    mostBytes = Math.max(mostBytes, process.memoryUsage().rss)
  }, lookMs)
  try {
    const startMs = performance.now()
    const journalBytes = await runOnce(database, folder, `http://127.0.0.1:${port}/`)
    const seconds = (performance.now() - startMs) / 1000
    const row = { 'artifact MB': artifactBytes / 1e6, 'journal bytes': journalBytes }
    const grownMb = Math.round((mostBytes - beforeBytes) / 1e6)
    report([{ ...row, seconds: round(seconds), 'memory grown MB': grownMb }], {
      bench: 'workflow-artifact',
      metric: 'journal of a run with 1 GB through three steps',
      value: journalBytes,
      unit: 'bytes',
      peer: `bound ${journalBytesMax} bytes`,
      ratio: round(journalBytes / journalBytesMax),
    })
  } finally {
    clearInterval(look)
    server.close()
    await database.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Gives the artifact, or counts what it is given. */
async function serve(incoming: IncomingMessage, answer: ServerResponse): Promise<void> {
  let bytes = 0
  for await (const part of incoming) bytes += part.length
  if (incoming.method !== 'GET') {
    answer.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ bytes }))
    return
  }
  answer.writeHead(200, { 'content-type': 'application/octet-stream' })
  for (let sent = 0; sent < artifactBytes; sent += chunk.length) {
    if (!answer.write(chunk)) await new Promise((resolve) => answer.once('drain', resolve))
  }
  answer.end()
}

async function runOnce(database: Database, folder: string, endpoint: string): Promise<number> {
  const { sql } = database
  const nowMs = () => Date.now()
  const ports = { sql, nowMs, blobs: await openBlobs(join(folder, 'blobs')) }
  const prepared = prepareWorkflow(documentOf(endpoint))
  if (!prepared.ok) throw new Error(JSON.stringify(prepared.findings))
  const perform = performer({
    ...{ ...ports, inference: () => null, start: async () => '', newest: async () => null },
    egress: openEgress({ allowPrivate: true }),
    reach: openReach({ allowPrivate: true }),
    outcome: async () => null,
  })
  const news = await openNews(database)
  const engine = await Engine.open({
    ...{ sql, news, nowMs, program: async () => prepared.program, act: keeping(ports, perform) },
    surroundings: async () => ({ secrets: {}, runtime: { name: 'tutti', version: '0' } }),
    onTrouble: (what, error) => process.stderr.write(`${what}: ${error}\n`),
    onFenced: () => process.stderr.write('fenced\n'),
  })
  const of = { project: 'bench', namespace: 'bench', name: 'artifact', version: '1.0.0' }
  const id = await engine.start({ ...of, input: {} })
  const outcome = await engine.outcomeOf(id)
  const journal = (await loadJournals(sql, [id])).get(id)
  await engine.stop()
  await news.stop()
  const wanted = JSON.stringify({ bytes: artifactBytes })
  if (outcome.status !== 'completed' || JSON.stringify(outcome.output) !== wanted) {
    throw new Error(`expected ${wanted}, got ${JSON.stringify(outcome)}`)
  }
  return JSON.stringify(journal?.entries).length
}

function documentOf(endpoint: string) {
  const http = (method: string, more: object) => ({
    call: 'http',
    with: { method, endpoint, ...more },
  })
  const artifact = { metadata: { tutti: { artifact: { name: 'weights' } } } }
  const document = { dsl: '1.0.3', namespace: 'bench', name: 'artifact', version: '1.0.0' }
  return {
    document,
    do: [
      { fetch: { ...http('get', {}), ...artifact, export: { as: '.' } } },
      { send: http('post', { body: '${ . }' }) },
      { again: http('post', { body: '${ $context }' }) },
    ],
  }
}
