// Magika traffic
//
// A caller of a fleet in the middle of an upgrade: versions take inputs of different widths, and chance says
// whose node is asked, so the caller has every width ready and tries the next where one is refused.

import { setTimeout as delay } from 'node:timers/promises'
import { infer, type LocalFleet, postFeedback } from './local-fleet.ts'
import type { MagikaConfig } from './magika-features.ts'

/** A file of the samples, and what the reference says of it. */
export interface Question {
  readonly label: string
  readonly features: readonly number[]
  readonly scores: readonly number[]
}

/** A variant with its questions; a caller has those of every variant that may answer. */
export interface Candidate {
  readonly variant: string
  readonly file: string
  readonly config: MagikaConfig
  readonly questions: readonly Question[]
}

export interface MagikaAnswer {
  readonly scores: readonly number[]
  readonly node: string
  readonly requestId: string
}

const attemptsMax = 60 // that all of them meet a node of another width has a chance below 2^-30
const pauseMs = 10 // between two requests of the traffic

export class MagikaTraffic {
  readonly #fleet: LocalFleet
  readonly #running: Promise<void>
  /** Written by `stop`. */
  #isStopped = false
  /** These three are written by `#run`. */
  #answered = 0
  #feedbackRefused = 0
  readonly #failures: string[] = []

  /** Asks with every candidate's questions in turn until `stop`; with none, asks nothing itself. */
  constructor(fleet: LocalFleet, candidates: readonly Candidate[]) {
    this.#fleet = fleet
    this.#running = candidates.length === 0 ? Promise.resolve() : this.#run(candidates)
  }

  get counts() {
    return {
      answered: this.#answered,
      failures: this.#failures,
      feedbackRefused: this.#feedbackRefused,
    }
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    await this.#running
  }

  /** The answer of a node that takes this width, or what went wrong. */
  async ask(question: Question, { variant }: Candidate): Promise<MagikaAnswer | string> {
    for (let attempt = 0; attempt < attemptsMax; attempt++) {
      const answer = await this.#askOnce(question)
      if (answer === 'refused') continue
      if (typeof answer !== 'string' && answer.variant !== variant) {
        return `${answer.variant} answered`
      }
      return answer
    }
    return `no node took it in ${attemptsMax} attempts`
  }

  async #run(candidates: readonly Candidate[]): Promise<void> {
    const samples = candidates[0]?.questions.length ?? 0
    for (let turn = 0; !this.#isStopped; turn++) {
      const one = candidates[Math.floor(turn / samples) % candidates.length]
      const question = one?.questions[turn % samples]
      if (question === undefined) return
      const answer = await this.#askOnce(question)
      if (typeof answer !== 'string') await this.#judge(answer.requestId, question.label)
      else if (answer !== 'refused') this.#failures.push(answer)
      await delay(pauseMs)
    }
  }

  async #judge(requestId: string, label: string): Promise<void> {
    this.#answered += 1
    const status = await postFeedback(this.#fleet, requestId, label)
    if (status !== 200) this.#feedbackRefused += 1
  }

  async #askOnce({ features }: Question) {
    const shape = [1, features.length]
    const input = { name: 'bytes', datatype: 'INT32', shape, data: features }
    const answer = await infer(this.#fleet, 'magika', { inputs: [input] })
    if (answer.status === 400) return 'refused' as const
    if (answer.status !== 200) return `status ${answer.status}: ${answer.error}`
    const scores = (answer.outputs[0]?.data ?? []).map(Number)
    const { node, variant, requestId } = answer
    return { scores, node, variant, requestId }
  }
}
