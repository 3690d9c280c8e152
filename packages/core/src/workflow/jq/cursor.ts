// Cursor
//
// A place in a list of tokens, and what may be expected there.

import type { Token } from './lex.ts'
import { JqSyntaxError } from './syntax-error.ts'

export class Cursor {
  readonly #tokens: readonly Token[]
  /** Moved by `take` alone. */
  #index = 0
  /** The token that `splitAlternative` left at its place. */
  #instead: { readonly index: number; readonly token: Token } | null = null

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens
  }

  get token(): Token {
    return this.#peek(0)
  }

  /** The token after this one. */
  get following(): Token {
    return this.#peek(1)
  }

  take(): Token {
    const token = this.token
    this.#index += 1
    return token
  }

  /** True, and past it, where the token is this sign or keyword. */
  skip(text: string): boolean {
    if (!this.isAt(text)) return false
    this.#index += 1
    return true
  }

  isAt(text: string): boolean {
    const { token } = this
    return (token.type === 'sign' || token.type === 'name') && token.text === text
  }

  /** `?//` is one sign between patterns, and `?` followed by `//` everywhere else. */
  splitAlternative(): void {
    const { at } = this.token
    this.#instead = { index: this.#index, token: { type: 'sign', text: '//', at: at + 1 } }
  }

  expect(text: string): void {
    if (!this.skip(text)) throw this.unexpected(`expecting ${text}`)
  }

  expectEnd(): void {
    if (this.token.type !== 'end') throw this.unexpected('expecting end of expression')
  }

  expectVariable(): string {
    const { token } = this
    if (token.type !== 'variable') throw this.unexpected('expecting a variable')
    this.#index += 1
    return token.text
  }

  unexpected(wanted: string): JqSyntaxError {
    const { type, text, at } = this.token
    const found = type === 'end' ? 'end of expression' : type === 'string' ? 'a string' : text
    return new JqSyntaxError(`unexpected ${found}, ${wanted}`, at)
  }

  #peek(ahead: number): Token {
    if (this.#instead?.index === this.#index + ahead) return this.#instead.token
    const token = this.#tokens[this.#index + ahead] ?? this.#tokens.at(-1)
    if (token === undefined) throw new JqSyntaxError('no tokens', 0)
    return token
  }
}
