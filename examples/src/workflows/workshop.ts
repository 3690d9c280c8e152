// Workshop
//
// Where models of the examples are trained: an address that workflows call, with a thread per training, so that neither
// the control plane nor this server waits for one. An order that was given before is not done again: a workflow that asks
// twice gets what it got.

import { createServer, type IncomingMessage } from 'node:http'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { canonicalJson } from '@tutti/core/resource'
import { z } from 'zod'
import { readClinc } from './intents/clinc-data.ts'
import type { Question } from './intents/train-intents.ts'
import { type Made, order } from './recipes.ts'

const require = createRequire(import.meta.url)
// Built: a worker's file is not one that tests compile.
const worker = () =>
  join(
    dirname(require.resolve('@tutti/examples/package.json')),
    'dist/workflows/workshop-worker.js',
  )

export interface WorkshopParts {
  /** Where it writes models. */
  readonly folder: string
  /** `data_full.json` of CLINC150; not needed for other recipes. */
  readonly clinc?: string
  /** Declares the model of a folder. */
  readonly push: (folder: string) => Promise<unknown>
}

export interface Workshop {
  readonly url: string
  /** Trainings so far. */
  readonly trained: () => number
  readonly stop: () => Promise<void>
}

const bodyMax = 16 * 2 ** 20 // some thousand images as JSON
const madeMax = 1_000 // models that it remembers
const pushed = z.object({ model: z.string() })

export async function openWorkshop(parts: WorkshopParts): Promise<Workshop> {
  const shop = new Trainings(parts)
  const server = createServer((request, response) => {
    shop.answer(request).then(
      (said) => {
        response.writeHead(said === null ? 404 : 200, { 'content-type': 'application/json' })
        response.end(JSON.stringify(said ?? { error: 'the workshop does not know this' }))
      },
      (error: unknown) => {
        response.writeHead(error instanceof z.ZodError ? 400 : 500).end(String(error))
      },
    )
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  return {
    url: `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`,
    trained: () => shop.trained,
    stop: async () => {
      server.closeAllConnections()
      server.close()
      await shop.stop()
    },
  }
}

class Trainings {
  readonly #parts: WorkshopParts
  /** Written by `#train`; what failed is forgotten. */
  readonly #made = new Map<string, Promise<Made>>()
  readonly #workers = new Set<Worker>()
  /** The test that was asked for last; written by `#questions`. */
  #tested: { readonly intents: number; readonly test: readonly Question[] } | null = null
  trained = 0

  constructor(parts: WorkshopParts) {
    this.#parts = parts
  }

  async answer(request: IncomingMessage): Promise<unknown> {
    const url = new URL(request.url ?? '/', 'http://workshop')
    if (url.pathname === '/questions') return this.#questions(url.searchParams)
    const body: unknown = JSON.parse(await bodyOf(request))
    if (url.pathname === '/train') {
      const { model, about } = await this.#train(body)
      return { model, ...about }
    }
    if (url.pathname !== '/push') return null
    const { model } = pushed.parse(body)
    const all = await Promise.all(this.#made.values())
    const made = all.find((one) => one.model === model)
    if (made === undefined) return null
    await this.#parts.push(made.folder)
    return { model }
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#workers].map((one) => one.terminate()))
  }

  #train(body: unknown): Promise<Made> {
    const given = order.parse(body)
    const key = canonicalJson(given)
    const known = this.#made.get(key)
    if (known !== undefined) return known
    const [oldest] = this.#made.keys()
    if (this.#made.size >= madeMax && oldest !== undefined) this.#made.delete(oldest)
    const made = this.#work(given)
    this.#made.set(key, made)
    made.catch(() => this.#made.delete(key))
    return made
  }

  #work(given: unknown): Promise<Made> {
    this.trained += 1
    const { folder: parent, clinc = '' } = this.#parts
    const one = new Worker(worker(), { execArgv: [], workerData: { given, parent, clinc } })
    this.#workers.add(one)
    return new Promise((resolve, reject) => {
      one.once('message', resolve)
      one.once('error', reject)
      one.once('exit', () => {
        this.#workers.delete(one)
        reject(new Error('the training ended without a model'))
      })
    })
  }

  /** A page of the published test. */
  #questions(query: URLSearchParams): unknown {
    const { clinc = '' } = this.#parts
    const number = (name: string) => z.coerce.number().int().min(0).parse(query.get(name))
    const from = number('from')
    const intents = number('intents')
    if (this.#tested?.intents !== intents) {
      this.#tested = { intents, test: readClinc(clinc, intents).test }
    }
    const { test } = this.#tested
    const page = test.slice(from, from + number('count'))
    return { texts: page.map(({ text }) => text), intents: page.map(({ intent }) => intent) }
  }
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request) {
    bytes += chunk.length
    if (bytes > bodyMax) throw new RangeError(`an order has at most ${bodyMax} bytes`)
    chunks.push(Buffer.from(chunk))
  }
  return Buffer.concat(chunks).toString()
}
