// Key timing
//
// Whether the time that a refusal takes tells how much of a key was right: keys that differ from the right one
// in the last character against keys that differ everywhere, asked by turns. Welch's t on the faster nine
// tenths of each, as in dudect (Reparaz et al. 2017), where above 4.5 means a leak.

import { randomBytes } from 'node:crypto'
import { Agent, request } from 'node:http'
import type { Attack } from './attack.ts'

const rounds = 1_500
const leakT = 4.5

export async function compareTimes({ fleet, scoring }: Attack): Promise<void> {
  const [node] = fleet.nodes
  for (const [server, url, key] of [
    ['control plane', `${fleet.url}/api/v1/whoami`, fleet.key],
    ['gateway', `${fleet.gateway}/v1/models`, fleet.key],
    ['node', `${node?.url}/v2/health/ready`, node?.key ?? ''],
  ] as const) {
    const first = await studentT(url, key)
    // Noise does not come twice on the same side; a leak does.
    const second = Math.abs(first) < leakT ? 0 : await studentT(url, key)
    const t = Math.abs(second) < leakT ? 0 : second
    scoring.check(t * first <= 0, `${server}: refusals tell keys apart by time (t = ${t})`)
  }
}

async function studentT(url: string, key: string): Promise<number> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const near = `${key.slice(0, -1)}${key.endsWith('A') ? 'B' : 'A'}`
  const times: { near: number[]; far: number[] } = { near: [], far: [] }
  for (let i = 0; i < rounds * 2; i++) {
    const isNear = randomBytes(1).readUInt8() % 2 === 0
    const far = randomBytes(key.length).toString('base64url').slice(0, key.length)
    times[isNear ? 'near' : 'far'].push(await refusalMicros(url, isNear ? near : far, agent))
  }
  agent.destroy()
  const [a, b] = [momentsOf(times.near), momentsOf(times.far)]
  return (a.mean - b.mean) / Math.sqrt(a.variance / a.count + b.variance / b.count)
}

function refusalMicros(url: string, key: string, agent: Agent): Promise<number> {
  const startedNs = process.hrtime.bigint()
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${key}` }
    const asked = request(url, { agent, headers }, (answer) => {
      answer.resume()
      answer.on('end', () => resolve(Number(process.hrtime.bigint() - startedNs) / 1_000))
    })
    asked.on('error', reject)
    asked.end()
  })
}

/** Of the faster nine tenths: what is slower is the machine's other work. */
function momentsOf(times: readonly number[]) {
  const sorted = [...times].sort((a, b) => a - b)
  const kept = sorted.slice(0, Math.floor(sorted.length * 0.9))
  const mean = kept.reduce((sum, time) => sum + time, 0) / kept.length
  const squares = kept.reduce((sum, time) => sum + (time - mean) ** 2, 0)
  return { mean, variance: squares / (kept.length - 1), count: kept.length }
}
