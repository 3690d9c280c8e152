// Traffic
//
// Live callers: images of parts through the gateway, one after the other on several lines, each answer
// judged against the true label, the truth posted back as feedback. Every request is counted.

import { request } from 'undici'
import { type Lighting, liveInputs, partLabels } from '../models/index.ts'

export interface TrafficCounts {
  requests: number
  failed: number
  wrong: number
  /** Answers by `version/variant`. */
  readonly by: Map<string, number>
  /** What failed requests got, the first few. */
  readonly failures: string[]
}

const lines = 6
const pauseMs = 45 // with the answer's own time, about 100 requests a second

export class Traffic {
  readonly counts: TrafficCounts = { requests: 0, failed: 0, wrong: 0, by: new Map(), failures: [] }
  readonly #target: { readonly gateway: string; readonly key: string }
  #isStopped = false
  #done: Promise<unknown> = Promise.resolve()

  constructor(target: { readonly gateway: string; readonly key: string }) {
    this.#target = target
  }

  start(lighting: Lighting): void {
    this.#done = Promise.all(Array.from({ length: lines }, (_, i) => this.#line(i + 1, lighting)))
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    await this.#done
  }

  answeredBy(key: string): number {
    return this.counts.by.get(key) ?? 0
  }

  async #line(seed: number, lighting: Lighting): Promise<void> {
    for (const { image, label } of liveInputs(seed, lighting)) {
      if (this.#isStopped) return
      await this.#ask(image, label)
      await new Promise((resolve) => setTimeout(resolve, pauseMs))
    }
  }

  async #ask(image: Float32Array, label: string): Promise<void> {
    this.counts.requests += 1
    try {
      const answer = await askModel(
        `${this.#target.gateway}/v2/models/parts`,
        this.#target.key,
        image,
      )
      if (answer.status !== 200) return this.#fail(`${answer.status} ${answer.text.slice(0, 200)}`)
      const by = `${answer.version}/${answer.variant}`
      this.counts.by.set(by, this.answeredBy(by) + 1)
      if (answer.label !== label) this.counts.wrong += 1
      await this.#feedback(answer.requestId, label)
    } catch (error) {
      this.#fail(String(error))
    }
  }

  #fail(reason: string): void {
    this.counts.failed += 1
    if (this.counts.failures.length < 5) this.counts.failures.push(reason)
  }

  /** Feedback is a courtesy: the node that answered may be cut off by now. */
  async #feedback(requestId: string, label: string): Promise<void> {
    const { body } = await request(`${this.#target.gateway}/v1/feedback`, {
      method: 'POST',
      headers: { authorization: `Bearer ${this.#target.key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ request_id: requestId, label }),
    })
    await body.dump()
  }
}

export interface ModelAnswer {
  readonly status: number
  readonly text: string
  readonly label: string
  readonly version: string
  readonly variant: string
  readonly requestId: string
}

/** Asks a model below `url` (a gateway's or a node's own) what it sees on an image. */
export async function askModel(
  url: string,
  key: string,
  image: Float32Array,
): Promise<ModelAnswer> {
  const input = { name: 'image', datatype: 'FP32', shape: [1, 1, 24, 24], data: [...image] }
  const { statusCode, headers, body } = await request(`${url}/infer`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ inputs: [input] }),
  })
  const text = await body.text()
  const answer = { status: statusCode, text, requestId: String(headers['x-request-id'] ?? '') }
  if (statusCode !== 200) return { ...answer, label: '', version: '', variant: '' }
  const parsed: { model_version: string; outputs: { data: number[] }[] } = JSON.parse(text)
  const probabilities = parsed.outputs[0]?.data ?? []
  const best = probabilities.indexOf(Math.max(...probabilities))
  return {
    ...answer,
    label: partLabels[best] ?? 'none',
    version: parsed.model_version,
    variant: String(headers['x-tutti-variant'] ?? ''),
  }
}
