// Checking bodies
//
// Walks through `bodies.jsonl` beside the tree: line by line, each must open its entry. A lost or
// a doubled line is reported once and does not spoil the lines after it.

import { leafHash, sameHash } from '../merkle/index.ts'
import { type BodyLine, parseBodyLine } from './body-line.ts'
import { commit } from './commitment.ts'
import type { Finding, FindingCode } from './finding.ts'
import type { Line } from './folder.ts'
import { bodiesFile } from './layout.ts'

export class BodyCheck {
  readonly #lines: AsyncGenerator<Line, void>
  /** A line whose entry is still to come. Written by `#take` and by `#checkOne`. */
  #held: BodyLine | null = null
  /** Whether the gap or surplus now being passed is reported. Written by `#checkOne` alone. */
  #reported = false
  /** How many lines said that their body is erased. Written by `#checkOne` alone. */
  #erased = 0
  /** How many lines were read. Written by `#take` alone. */
  #read = 0

  constructor(lines: AsyncGenerator<Line, void>) {
    this.#lines = lines
  }

  get erased(): number {
    return this.#erased
  }

  /** Checks the lines of consecutive entries; a leaf is null where the tree is unreadable. */
  async *check(
    first: number,
    leaves: readonly (Uint8Array | null)[],
  ): AsyncGenerator<Finding, void> {
    for (const [offset, leaf] of leaves.entries()) yield* this.#checkOne(first + offset, leaf)
  }

  /** Checks that nothing follows the line of the last entry. */
  async *finish(): AsyncGenerator<Finding, void> {
    const line = await this.#take()
    if (line === 'end') return
    yield finding('extra-body', null, `expected the end after ${this.#read - 1} lines, got more`)
  }

  /** Closes the file, however far it was read. */
  async close(): Promise<void> {
    await this.#lines.return()
  }

  async *#checkOne(index: number, leaf: Uint8Array | null): AsyncGenerator<Finding, void> {
    for (;;) {
      const line = await this.#take()
      if (line === null) {
        yield finding('bad-body-line', index, `line ${this.#read} is not in canonical form`)
        return
      }
      if (line !== 'end' && line.index === index) {
        this.#reported = false
        if ('erased' in line) this.#erased += 1
        else if (leaf !== null && !isOpening(line, leaf)) {
          yield finding('body-changed', index, `line ${this.#read} does not open its entry`)
        }
        return
      }
      if (line !== 'end' && leaf !== null && isOpening(line, leaf)) {
        const detail = `line ${this.#read} opens this entry but says that it is ${line.index}`
        yield finding('bad-body-line', index, detail)
        return
      }
      if (!this.#reported) yield this.#misplaced(index, line)
      this.#reported = true
      if (line !== 'end' && line.index < index) continue
      this.#held = line === 'end' ? null : line
      return
    }
  }

  #misplaced(index: number, line: BodyLine | 'end'): Finding {
    const got = line === 'end' ? 'the end of the file' : `entry ${line.index}`
    const code = line !== 'end' && line.index < index ? 'extra-body' : 'missing-body'
    return finding(code, index, `expected entry ${index} at line ${this.#read}, got ${got}`)
  }

  /** The next line; null when it is malformed. */
  async #take(): Promise<BodyLine | null | 'end'> {
    if (this.#held !== null) {
      const held = this.#held
      this.#held = null
      return held
    }
    const next = await this.#lines.next()
    this.#read += 1
    if (next.done === true) return 'end'
    return next.value === null ? null : parseBodyLine(next.value)
  }
}

function isOpening(line: BodyLine, leaf: Uint8Array): boolean {
  return !('erased' in line) && sameHash(leafHash(commit(line.salt, line.body)), leaf)
}

function finding(code: FindingCode, index: number | null, detail: string): Finding {
  return { code, file: bodiesFile, index, detail }
}
