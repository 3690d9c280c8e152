// Call guard
//
// One call of a guarded route: what goes in is looked through before anybody is asked, what comes out before the
// caller gets it. It lives as long as the call; what was taken out of the request is forgotten with it.
//
// Invariants:
//   G3. Nothing of a request goes to a target, and nothing of an answer to the caller, that is denied or could not be
//       looked through.

import {
  AnswerRewrite,
  type FindingCount,
  type GuardPlan,
  type GuardSide,
  type GuardSpec,
  type Originals,
} from '@tutti/core/governance'
import type { Scanner } from '../governance/index.ts'
import type { ScanResult } from '../thread/index.ts'
import type { Judgement } from './classify.ts'
import { type Denial, denied } from './denial.ts'
import { StreamGuard } from './stream-guard.ts'

export interface CallGuardPorts {
  readonly scanner: Scanner
  readonly plan: (side: GuardSide) => GuardPlan
  /** What the classifier's Route thinks of texts; null where it does not answer. */
  readonly classify: (
    texts: readonly string[],
    route: string,
  ) => Promise<readonly Judgement[] | null>
}

/** The texts of a whole answer, each for itself. */
export interface AnswerSaid {
  readonly said: readonly string[]
  /** What has to fit a schema; absent: all of them. */
  readonly shaped?: readonly string[]
}

/** What was found on a side; what a record of the request keeps. */
export interface SideFinding extends FindingCount {
  readonly side: GuardSide
}

const nothingTaken: Originals = new Map()

export class CallGuard {
  readonly #guard: GuardSpec
  readonly #ports: CallGuardPorts
  /** What the request's placeholders stand for; written by `inspectRequest`. */
  #originals = nothingTaken
  /** Written by `#note`. */
  readonly findings: SideFinding[] = []

  constructor(guard: GuardSpec, ports: CallGuardPorts) {
    this.#guard = guard
    this.#ports = ports
  }

  /** True once something stands in the request for what was taken out of it. */
  get hasTaken(): boolean {
    return this.#originals.size > 0
  }

  /** The body that may go on, the very same where nothing was taken out; or why none may. */
  async inspectRequest(body: Buffer): Promise<Buffer | Denial> {
    const { inputBytesMax = Infinity } = this.#guard
    if (!this.#looksAt('input')) return body
    if (body.length > inputBytesMax) {
      this.#found('input', { kind: 'size', detector: `over ${inputBytesMax} bytes` })
    }
    const early = this.#denial('input')
    if (early !== null) return early
    const scanned = await this.#scan('input', body)
    if ('kind' in scanned) return scanned
    this.#originals = scanned.originals
    const { classifier } = this.#guard
    const isJudged = classifier !== undefined && this.#denial('input') === null
    if (isJudged) await this.#classify('input', scanned.texts)
    return this.#denial('input') ?? passed(body, scanned)
  }

  /** A whole answer; `read` tells the texts that it gives. */
  async inspectAnswer(body: Buffer, read: (json: string) => AnswerSaid): Promise<Buffer | Denial> {
    if (!this.#looksAt('output') && this.#originals.size === 0) return body
    const scanned = await this.#scan('output', body)
    if ('kind' in scanned) return scanned
    const clean = passed(body, scanned)
    if (this.#readsTexts) {
      const { said, shaped = said } = read(clean.toString('utf8'))
      this.#judgeLength(said.reduce((sum, { length }) => sum + length, 0))
      await this.#judgeTexts(said, shaped)
    }
    return this.#denial('output') ?? clean
  }

  /** Whether something is asked of an answer's texts that no pattern says. */
  get #readsTexts(): boolean {
    const { outputCharsMax, outputSchema, classifier } = this.#guard
    const isAsked = outputSchema !== undefined || classifier !== undefined
    return this.#looksAt('output') && (isAsked || outputCharsMax !== undefined)
  }

  /** For a streamed answer; null where its bytes may go on as they come. */
  streamGuard(): StreamGuard | null {
    const isWatched = this.#looksAt('output')
    if (!isWatched && this.#originals.size === 0) return null
    const plan = this.#ports.plan('output')
    const detectors = isWatched ? this.#ports.scanner.detectors(this.#guard, 'output') : []
    const rewrite = new AnswerRewrite({ detectors, plan, originals: this.#originals })
    const { outputCharsMax = Infinity, outputSchema, classifier } = this.#guard
    return new StreamGuard(rewrite, {
      charsMax: isWatched ? outputCharsMax : Infinity,
      keepsText: isWatched && (outputSchema !== undefined || classifier !== undefined),
      judge: async (found, texts) => {
        this.#note('output', found)
        if (isWatched) await this.#judgeTexts(texts, texts)
        return this.#denial('output')
      },
    })
  }

  #looksAt(side: GuardSide): boolean {
    return this.#guard.on.includes(side)
  }

  async #scan(side: GuardSide, bytes: Buffer): Promise<ScanResult | Denial> {
    try {
      const scanned = await this.#ports.scanner.scan({
        kind: 'scan',
        guard: this.#guard,
        side,
        plan: this.#ports.plan(side),
        originals: this.#originals,
        bytes,
        wantsTexts: side === 'input' && this.#guard.classifier !== undefined,
      })
      this.#note(side, scanned.counts)
      return scanned
    } catch (error) {
      return denied(`it could not be looked through: ${String(error)}`) // G3
    }
  }

  #judgeLength(length: number): void {
    const { outputCharsMax = Infinity } = this.#guard
    if (!this.#looksAt('output') || length <= outputCharsMax) return
    this.#found('output', { kind: 'size', detector: `over ${outputCharsMax} characters` })
  }

  /** What can be said only of the whole text of an answer. */
  async #judgeTexts(said: readonly string[], shaped: readonly string[]): Promise<void> {
    if (!this.#looksAt('output')) return
    for (const text of shaped) await this.#judgeShape(text)
    for (const text of said) {
      if (this.#denial('output') === null) await this.#classify('output', [this.#hidden(text)])
    }
  }

  /** What was put back into an answer is no more a classifier's to see than the model's. */
  #hidden(text: string): string {
    let hidden = text
    const taken = [...this.#originals].sort(([, a], [, b]) => b.length - a.length)
    for (const [placeholder, value] of taken) {
      const escaped = JSON.stringify(value).slice(1, -1)
      hidden = hidden.replaceAll(value, placeholder).replaceAll(escaped, placeholder)
    }
    return hidden
  }

  async #judgeShape(text: string): Promise<void> {
    const { outputSchema } = this.#guard
    if (outputSchema === undefined || this.#denial('output') !== null) return
    // It brings a language with it, so it is loaded only where it is used.
    const { whyUnfit } = await import('./why-unfit.ts')
    const wrong = whyUnfit(outputSchema, text)
    if (wrong !== null) this.#found('output', { kind: 'schema', detector: wrong.slice(0, 200) })
  }

  async #classify(side: GuardSide, texts: readonly string[]): Promise<void> {
    const { classifier } = this.#guard
    if (classifier === undefined) return
    const judgements = await this.#ports.classify(texts, classifier.route)
    if (judgements === null && classifier.onFailure === 'deny') {
      this.#found(side, { kind: 'moderation', detector: 'unanswered' }) // G3
    }
    for (const { category, score } of judgements ?? []) {
      if (score >= classifier.threshold) {
        this.#found(side, { kind: 'moderation', detector: category })
      }
    }
  }

  #found(side: GuardSide, of: Pick<FindingCount, 'kind' | 'detector'>): void {
    const action = this.#ports.plan(side)[of.kind] ?? 'deny'
    this.#note(side, [{ ...of, severity: 'high', action, count: 1 }])
  }

  #note(side: GuardSide, counts: readonly FindingCount[]): void {
    for (const count of counts) this.findings.push({ ...count, side })
  }

  /** G3. */
  #denial(side: GuardSide): Denial | null {
    const denying = this.findings.filter((one) => one.side === side && one.action === 'deny')
    if (denying.length === 0) return null
    const names = [...new Set(denying.map(({ kind, detector }) => `${kind} (${detector})`))]
    const what = side === 'input' ? 'the request' : 'the answer'
    return denied(`the guard of this route refuses ${what}: it found ${names.join(', ')}`)
  }
}

/** The document as it may go on: the very same bytes where nothing was taken out. */
function passed(body: Buffer, { bytes }: ScanResult): Buffer {
  return bytes === null ? body : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
