// Accounts
//
// What this gateway settles with the control plane: leases of budgets, and what requests used. Nobody waits for it but
// a caller whose budget has no lease yet.

import { randomUUID } from 'node:crypto'
import { type LeaseRequest, leaseAnswer } from '@tutti/core/routing'
import { request } from '@tutti/machine/http-client'
import { complaining } from '../complaining.ts'
import { Purses } from './purses.ts'
import { UsageCounts } from './usage-counts.ts'
import { usageFiles } from './usage-files.ts'

export interface AccountsOptions {
  readonly url: string
  readonly key: string
  /** Where counts wait that nobody has taken yet. */
  readonly folder: string
  readonly log: (event: string, fields: Readonly<Record<string, unknown>>) => void
}

// What was spent is said every second: then a crash loses the leases' rest and nothing else.
const tellMs = 1_000
const usageMs = 5_000 // a crash loses so much of the counts; the money is in the leases
const answerMsMax = 2_000 // a caller waits for the first lease of a budget

export class Accounts {
  readonly purses: Purses
  readonly usage: UsageCounts
  readonly #timers: readonly NodeJS.Timeout[]

  constructor(options: AccountsOptions, nowMs: () => number) {
    const gateway = randomUUID() // of this start alone
    const post = (path: string, body: object) => postJson(options, path, body)
    const ask = complaining(
      async (asked: Omit<LeaseRequest, 'gateway'>) =>
        leaseAnswer.parse(await post('/api/v1/leases', { gateway, ...asked })),
      (reason) => options.log('nobody grants of budgets', { reason }),
    )
    this.purses = new Purses({ ask, nowMs })
    const send = async (report: object) => void (await post('/api/v1/usage', report))
    this.usage = new UsageCounts({
      ...{ gateway, send, nowMs },
      shelf: usageFiles({ gateway, folder: options.folder, log: options.log }),
    })
    this.#timers = [
      setInterval(() => this.purses.tell().catch(() => {}), tellMs), // away: told again
      setInterval(() => this.usage.tell().catch(() => {}), usageMs),
    ]
  }

  async close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer)
    await Promise.all([
      this.purses.close().catch(() => {}), // away: the leases end by themselves
      this.usage.close().catch(() => {}), // away: on disk for the next start
    ])
  }
}

async function postJson({ url, key }: AccountsOptions, path: string, said: object) {
  const { statusCode, body } = await request(`${url}${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify(said),
    signal: AbortSignal.timeout(answerMsMax), // of it all: also of a machine that is off
  })
  const text = await body.text()
  if (statusCode !== 200) throw new Error(`${statusCode} ${text.slice(0, 200)}`)
  const answer: unknown = JSON.parse(text)
  return answer
}
