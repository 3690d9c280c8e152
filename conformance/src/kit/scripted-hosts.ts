// Scripted hosts
//
// The outside world of one scenario: each address answers as the scenario says, in turn, the last answer again
// and again; what was asked is kept.

import type { Egress } from '@tutti/control-plane/workflow'

export interface Answer {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: unknown
}

export interface Asked {
  readonly headers: Readonly<Record<string, string>>
  readonly query: Readonly<Record<string, string>>
  readonly body: unknown
}

const nobody = { status: 404, headers: {}, body: Buffer.from('nobody is here') }

export class ScriptedHosts {
  readonly #answers = new Map<string, readonly Answer[]>()
  readonly #asked = new Map<string, Asked[]>()
  readonly #elsewhere: Egress | undefined

  constructor(elsewhere?: Egress) {
    this.#elsewhere = elsewhere
  }

  /** `about` is a method and an address without its query, as `GET http://host/path`. */
  script(about: string, answers: readonly Answer[]): void {
    this.#answers.set(about, answers)
  }

  asked(about: string): readonly Asked[] {
    return this.#asked.get(about) ?? []
  }

  readonly egress: Egress = async (request) => {
    const { method, url, headers, body } = request
    const { origin, pathname, searchParams } = new URL(url)
    const about = `${method} ${origin}${pathname}`
    const asked = this.#asked.get(about) ?? []
    asked.push({
      headers,
      query: Object.fromEntries(searchParams),
      body: parsed(typeof body === 'function' ? null : body),
    })
    this.#asked.set(about, asked)
    const answers = this.#answers.get(about)
    if (answers === undefined) return (await this.#elsewhere?.(request)) ?? nobody
    const answer = answers[Math.min(asked.length, answers.length) - 1] ?? {}
    const isText = typeof answer.body === 'string'
    const type = { 'content-type': isText ? 'text/plain' : 'application/json' }
    const text = isText ? String(answer.body) : JSON.stringify(answer.body ?? {})
    return {
      status: answer.status ?? 200,
      headers: { ...type, ...answer.headers },
      body: Buffer.from(text),
    }
  }
}

function parsed(body: string | null): unknown {
  if (body === null) return null
  try {
    return JSON.parse(body)
  } catch {
    return body
  }
}
