// Bench: start
//
// Claim: a fresh machine has its first inference through the gateway within 20 s of `tutti up`; a warm start
// takes 3 s. Cold: an empty home (initdb, keys, join), a model pushed, deployed and asked. Warm: the same
// home again, until the same model answers.

import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { labLighting, makeModels, quickEffort, takeInputs } from '@tutti/examples/models'
import { report, round } from './report.ts'

const require = createRequire(import.meta.url)
const tutti = join(dirname(require.resolve('tutti/package.json')), 'dist/main.js')
const rounds = 3
const coldSecondsMax = 20
const warmSecondsMax = 3
const answerMsMax = 60_000 // three times the bound of a cold start: then something is broken

export async function start(): Promise<void> {
  const models = mkdtempSync(join(tmpdir(), 'tutti-bench-models-'))
  await makeModels(models, quickEffort)
  const rows = []
  for (let round1 = 1; round1 <= rounds; round1++) {
    const home = mkdtempSync(join(tmpdir(), 'tutti-bench-'))
    const ports = [await freePort(), await freePort()] as const // a warm start takes them again
    const cold = await measure(home, ports, () => deployFirst(home, models))
    const warm = await measure(home, ports, async () => {})
    rows.push({ round: round1, 'cold s': round(cold), 'warm s': round(warm) })
    rmSync(home, { recursive: true, force: true })
  }
  rmSync(models, { recursive: true, force: true })
  const worst = Math.max(...rows.map((row) => row['cold s']))
  const worstWarm = Math.max(...rows.map((row) => row['warm s']))
  process.stdout.write(`warm start: ${worstWarm} s, bound ${warmSecondsMax} s\n`)
  const figure = { bench: 'start', metric: 'cold start to first inference', unit: 's' }
  report(rows, {
    ...figure,
    value: worst,
    peer: `bound ${coldSecondsMax} s`,
    ratio: round(worst / coldSecondsMax),
  })
}

/** Seconds from the command to the first answer. */
async function measure(
  home: string,
  [port, gatewayPort]: readonly [number, number],
  prepare: () => Promise<void>,
): Promise<number> {
  const ports = ['--port', String(port), '--gateway-port', String(gatewayPort)]
  const startMs = performance.now()
  const up = spawn(process.execPath, [tutti, 'up', '--home', home, ...ports, '--json'])
  const ended = new Promise((resolve) => up.once('exit', resolve))
  try {
    await untilPrinted(up, 'startedMs')
    await prepare()
    await untilAnswered(home)
    return (performance.now() - startMs) / 1000
  } finally {
    up.kill('SIGTERM')
    await ended
  }
}

async function deployFirst(home: string, models: string): Promise<void> {
  await run('model', 'push', join(models, 'parts-v1'), '--home', home)
  const spec = { model: 'parts:v1', strategy: { soakMs: 0 } }
  const head = { apiVersion: 'tutti/v1', kind: 'Deployment', metadata: { name: 'parts' } }
  writeFileSync(join(home, 'parts.json'), JSON.stringify({ ...head, spec }))
  await run('apply', '-f', join(home, 'parts.json'), '--home', home)
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      const port = typeof address === 'object' && address !== null ? address.port : 0
      server.close(() => resolve(port))
    })
  })
}

async function untilAnswered(home: string): Promise<void> {
  const context: { gateway: string; key: string } = JSON.parse(
    readFileSync(join(home, 'context.json'), 'utf8'),
  )
  const [sample] = takeInputs(1, labLighting, 1)
  const input = {
    name: 'image',
    datatype: 'FP32',
    shape: [1, 1, 24, 24],
    data: [...(sample?.image ?? [])],
  }
  const untilMs = performance.now() + answerMsMax
  for (;;) {
    const answer = await fetch(`${context.gateway}/v2/models/parts/infer`, {
      method: 'POST',
      headers: { authorization: `Bearer ${context.key}` },
      body: JSON.stringify({ inputs: [input] }),
    })
    await answer.arrayBuffer()
    if (answer.status === 200) return
    if (performance.now() > untilMs)
      throw new Error(`still ${answer.status} after ${answerMsMax} ms`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

function run(...args: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [tutti, ...args], (error, out, err) => {
      if (error === null) resolve()
      else reject(new Error(`tutti ${args.join(' ')}: ${out}${err}`))
    })
  })
}

function untilPrinted(child: ChildProcess, text: string): Promise<void> {
  let said = ''
  return new Promise((resolve, reject) => {
    const take = (chunk: Buffer) => {
      said += String(chunk)
      if (said.includes(text)) resolve()
    }
    child.stdout?.on('data', take)
    child.stderr?.on('data', take)
    child.once('exit', (code) => reject(new Error(`tutti up ended with ${code}: ${said}`)))
  })
}
