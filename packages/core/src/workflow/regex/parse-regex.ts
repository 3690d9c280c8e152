// Parse regex
//
// Regular expressions as jq has them: Oniguruma's with Perl's syntax, or those of JSON Schema (ECMA-262). What has no bound on
// its work or no meaning here (recursion, `\G`, `\K`, `\X`, conditions) is refused.

import { assert } from '../../assert.ts'
import {
  ecmaShorthands,
  isPosixName,
  memberOf,
  namedClass,
  nativeSet,
  type Shorthands,
  unicodeShorthands,
} from './character-class.ts'
import type { Anchor, RegexNode } from './regex-node.ts'
import { RegexSyntaxError } from './regex-syntax-error.ts'

export interface RegexFlags {
  readonly ignoresCase: boolean
  /** Blanks and comments are for people. */
  readonly isExtended: boolean
  /** A dot is any character. */
  readonly dotIsAny: boolean
  /** `^` and `$` are those of lines. */
  readonly isByLine: boolean
}

export interface ParsedRegex {
  readonly root: RegexNode
  /** The name of each group, null where it has none. */
  readonly names: readonly (string | null)[]
}

export type Dialect = 'perl' | 'ecma'

const nestMax = 200 // groups and classes within each other
const timesMax = 100_000 // as Oniguruma has it

/** @throws RegexSyntaxError */
export function parseRegex(source: string, flags: RegexFlags, dialect: Dialect): ParsedRegex {
  return new RegexParser(source, dialect).parse(flags)
}

class RegexParser {
  readonly #source: string
  readonly #isEcma: boolean
  readonly #shorthands: Shorthands
  /** Where parsing stands; moved by `#take` and the like. */
  #at = 0
  #depth = 0
  #flags: RegexFlags = { ignoresCase: false, isExtended: false, dotIsAny: false, isByLine: false }
  readonly #names: (string | null)[] = []
  /** References by name or number, looked up once all groups are known. */
  readonly #references: { readonly to: string; readonly groups: number[] }[] = []

  constructor(source: string, dialect: Dialect) {
    this.#source = source
    this.#isEcma = dialect === 'ecma'
    this.#shorthands = this.#isEcma ? ecmaShorthands : unicodeShorthands
  }

  parse(flags: RegexFlags): ParsedRegex {
    this.#flags = flags
    const root = this.#choice()
    if (this.#at < this.#source.length) throw new RegexSyntaxError('unmatched close parenthesis')
    for (const { to, groups } of this.#references) groups.push(...this.#groupsOf(to))
    return { root, names: this.#names }
  }

  #groupsOf(to: string): readonly number[] {
    const number = Number(to)
    if (Number.isInteger(number) && number >= 1 && number <= this.#names.length) return [number]
    const named = this.#names.flatMap((name, i) => (name === to ? [i + 1] : []))
    if (named.length === 0) throw new RegexSyntaxError(`there is no group ${to}`)
    return named
  }

  // Reading

  #peek(text: string): boolean {
    return this.#source.startsWith(text, this.#at)
  }

  #eat(text: string): boolean {
    if (!this.#peek(text)) return false
    this.#at += text.length
    return true
  }

  /** What a sticky pattern finds here, and goes past it. */
  #read(form: RegExp): RegExpExecArray | null {
    form.lastIndex = this.#at
    const found = form.exec(this.#source)
    if (found !== null) this.#at += found[0].length
    return found
  }

  #next(what: string): number {
    const codepoint = this.#source.codePointAt(this.#at)
    if (codepoint === undefined) throw new RegexSyntaxError(`end pattern ${what}`)
    this.#at += codepoint > 0xffff ? 2 : 1
    return codepoint
  }

  // Structure

  #choice(): RegexNode {
    this.#depth += 1
    if (this.#depth > nestMax) throw new RegexSyntaxError('too deep nest level')
    const before = this.#flags
    const options = [this.#sequence()]
    while (this.#eat('|')) options.push(this.#sequence())
    this.#flags = before // what `(?i)` turned on ends with its group
    this.#depth -= 1
    return options.length === 1 ? (options[0] ?? { kind: 'empty' }) : { kind: 'choice', options }
  }

  #sequence(): RegexNode {
    const parts: RegexNode[] = []
    for (;;) {
      if (this.#flags.isExtended) this.#read(/(?:\s+|#[^\n]*)*/y)
      if (this.#at >= this.#source.length || this.#peek('|') || this.#peek(')')) break
      parts.push(this.#repeated(this.#atom()))
    }
    return parts.length === 1 ? (parts[0] ?? { kind: 'empty' }) : { kind: 'sequence', parts }
  }

  #repeated(atom: RegexNode): RegexNode {
    let node = atom
    for (;;) {
      if (this.#flags.isExtended) this.#read(/(?:\s+|#[^\n]*)*/y)
      const found = this.#read(/([*+?])|\{(\d+)(,?)(\d*)\}|\{,(\d+)\}/y)
      if (found === null) return node
      const [, sign, from, comma, to, upTo] = found
      const least = sign === undefined ? Number(from ?? 0) : sign === '+' ? 1 : 0
      const most =
        sign === undefined ? mostOf(from, comma, to ?? '', upTo) : sign === '?' ? 1 : null
      if (least > timesMax || (most ?? 0) > timesMax) {
        throw new RegexSyntaxError('too big number is used for repeat')
      }
      if (most !== null && most < least) throw new RegexSyntaxError('upper is smaller than lower')
      const isLazy = this.#eat('?')
      const repeat = { kind: 'repeat', body: node, least, most, isLazy } as const
      const isPossessive = !isLazy && sign !== undefined && this.#eat('+')
      node = isPossessive ? { kind: 'atomic', body: repeat } : repeat
      if (this.#isEcma) return node
    }
  }

  #atom(): RegexNode {
    if (this.#read(/[*+?]/y) !== null) {
      throw new RegexSyntaxError('target of repeat operator is not specified')
    }
    if (this.#eat('(')) return this.#group()
    if (this.#eat('[')) return this.#set(this.#class())
    if (this.#eat('\\')) return this.#escape()
    if (this.#eat('.')) {
      return this.#set(this.#flags.dotIsAny ? '[\\s\\S]' : this.#isEcma ? '[^\\n\\r]' : '[^\\n]')
    }
    const { isByLine } = this.#flags
    if (this.#eat('^')) return { kind: 'anchor', anchor: isByLine ? 'lineStart' : 'textStart' }
    if (this.#eat('$')) {
      const end: Anchor = this.#isEcma ? 'textEnd' : 'lastLineEnd'
      return { kind: 'anchor', anchor: isByLine ? 'lineEnd' : end }
    }
    return this.#literal(this.#next(''))
  }

  #literal(codepoint: number): RegexNode {
    if (this.#flags.ignoresCase) return this.#set(`[${memberOf(codepoint)}]`)
    return { kind: 'literal', codepoint }
  }

  #set(source: string): RegexNode {
    return { kind: 'set', set: nativeSet(source, this.#flags.ignoresCase) }
  }

  // Groups

  #group(): RegexNode {
    if (this.#eat('?#')) {
      if (this.#read(/[^)]*\)/y) === null) throw new RegexSyntaxError('end pattern in group')
      return { kind: 'empty' }
    }
    if (!this.#peek('?')) return this.#capture(null)
    if (this.#eat('?:')) return this.#closed(this.#choice())
    if (this.#eat('?>')) return { kind: 'atomic', body: this.#closed(this.#choice()) }
    const look = this.#read(/\?(<?)([=!])/y)
    if (look !== null) {
      const side = look[1] === '<' ? 'behind' : 'ahead'
      return { kind: 'look', side, isNot: look[2] === '!', body: this.#closed(this.#choice()) }
    }
    const named = this.#read(/\?(?:P?<([A-Za-z_]\w*)>|'([A-Za-z_]\w*)')/y)
    if (named !== null) return this.#capture(named[1] ?? named[2] ?? null)
    const flags = this.#read(/\?([imsx]*)(?:-([imsx]*))?([:)])/y)
    if (flags === null) throw new RegexSyntaxError('undefined group option')
    return this.#withFlags(flags[1] ?? '', flags[2] ?? '', flags[3] === ')')
  }

  #capture(name: string | null): RegexNode {
    this.#names.push(name)
    const index = this.#names.length
    return { kind: 'group', index, body: this.#closed(this.#choice()) }
  }

  #closed(node: RegexNode): RegexNode {
    if (!this.#eat(')')) throw new RegexSyntaxError('end pattern with unmatched parenthesis')
    return node
  }

  #withFlags(on: string, off: string, isRest: boolean): RegexNode {
    const before = this.#flags
    const isOn = (letter: string, was: boolean) =>
      !off.includes(letter) && (was || on.includes(letter))
    this.#flags = {
      ignoresCase: isOn('i', before.ignoresCase),
      isExtended: isOn('x', before.isExtended),
      dotIsAny: isOn('s', before.dotIsAny),
      isByLine: isOn('m', before.isByLine),
    }
    if (isRest) return this.#choice() // `a(?i)b|c` is `a(?i:b|c)`
    const body = this.#closed(this.#choice())
    this.#flags = before
    return body
  }

  // Escapes

  #escape(): RegexNode {
    const quoted = this.#isEcma ? null : this.#read(/Q([\s\S]*?)(?:\\E|$)/y)
    if (quoted !== null) {
      const parts = [...(quoted[1] ?? '')].map((c) => this.#literal(c.codePointAt(0) ?? 0))
      return { kind: 'sequence', parts }
    }
    const anchor = this.#read(this.#isEcma ? /[bB]/y : /[bBAzZ]/y)
    if (anchor !== null) return { kind: 'anchor', anchor: anchors[anchor[0]] ?? 'word' }
    const refused = this.#isEcma ? null : this.#read(/[GKXg]/y)
    if (refused !== null) throw new RegexSyntaxError(`\\${refused[0]} is not supported`)
    if (!this.#isEcma && this.#eat('R')) return newline
    const named = this.#read(/k<([A-Za-z_]\w*|\d+)>/y)
    const numbered = named ?? this.#read(/([1-9]\d?)/y)
    if (numbered !== null) return this.#again(numbered[1] ?? '')
    const set = this.#setEscape()
    if (set !== null) return this.#set(set)
    return this.#literal(this.#character())
  }

  #again(to: string): RegexNode {
    const groups: number[] = []
    this.#references.push({ to, groups })
    return { kind: 'again', groups, ignoresCase: this.#flags.ignoresCase }
  }

  /** The class that an escape stands for; null where it is a character. */
  #setEscape(): string | null {
    const property = this.#read(/([pP])\{(\^?)([\w=: -]+)\}/y)
    if (property !== null) {
      const [, letter, not, name = ''] = property
      return `[${namedClass(name, (letter === 'P') !== (not === '^'))}]`
    }
    const short = this.#read(this.#isEcma ? /[dDwWsS]/y : /[dDwWsShHN]/y)
    if (short === null) return null
    const letter = short[0].toLowerCase()
    const { d, w, s } = this.#shorthands
    const members = { d, w, s, h: '0-9a-fA-F', n: '\\n' }[letter]
    const isNot = letter !== short[0]
    return `[${isNot ? '^' : ''}${members ?? ''}]`
  }

  /** The character that an escape stands for. */
  #character(): number {
    const hex = this.#read(/x\{([0-9a-fA-F]{1,6})\}|x([0-9a-fA-F]{1,2})|u\{?([0-9a-fA-F]{4,6})\}?/y)
    if (hex !== null) return valid(Number.parseInt(hex[1] ?? hex[2] ?? hex[3] ?? '', 16))
    const octal = this.#read(/0[0-7]{0,2}/y)
    if (octal !== null) return Number.parseInt(octal[0], 8)
    const control = this.#read(/c([A-Za-z])/y)
    if (control !== null) return (control[1] ?? '').toUpperCase().charCodeAt(0) - 64
    const codepoint = this.#next('at escape')
    return controls[String.fromCodePoint(codepoint)] ?? codepoint
  }

  // Classes

  /** A class after its bracket, as JavaScript writes it. */
  #class(): string {
    const isNot = this.#eat('^')
    if (this.#isEcma && this.#eat(']')) return isNot ? '[\\s\\S]' : '[]'
    this.#depth += 1
    if (this.#depth > nestMax) throw new RegexSyntaxError('too deep nest level')
    const sides: string[] = []
    let members = ''
    for (let isFirst = true; isFirst || !this.#eat(']'); isFirst = false) {
      if (this.#at >= this.#source.length) throw new RegexSyntaxError('premature end of char-class')
      if (!this.#isEcma && this.#eat('&&')) {
        sides.push(members)
        members = ''
      } else members += this.#member()
    }
    this.#depth -= 1
    const all = [...sides, members].map((side) => `[${side}]`).join('&&')
    return sides.length === 0 ? `[${isNot ? '^' : ''}${members}]` : `[${isNot ? '^' : ''}${all}]`
  }

  #member(): string {
    const named = this.#read(/\[:(\^?)(\w+):\]/y)
    if (named !== null && !this.#isEcma && isPosixName(named[2] ?? '')) {
      return namedClass(named[2] ?? '', named[1] === '^')
    }
    if (named !== null) this.#at -= named[0].length
    if (!this.#isEcma && this.#eat('[')) return this.#class()
    const first = this.#classCharacter()
    if (typeof first === 'string') return first
    const mark = this.#at
    if (!this.#eat('-') || this.#peek(']')) {
      this.#at = mark
      return memberOf(first)
    }
    const last = this.#classCharacter()
    if (typeof last === 'string') return `${memberOf(first)}\\-${last}`
    if (last < first) throw new RegexSyntaxError('empty range in char class')
    return `${memberOf(first)}-${memberOf(last)}`
  }

  #classCharacter(): number | string {
    if (!this.#eat('\\')) return this.#next('in char-class')
    if (this.#eat('b')) return 8
    return this.#setEscape() ?? this.#character()
  }
}

const anchors: Readonly<Record<string, Anchor>> = {
  b: 'word',
  B: 'notWord',
  A: 'textStart',
  z: 'textEnd',
  Z: 'lastLineEnd',
}
const controls: Readonly<Record<string, number>> = {
  ...{ a: 7, e: 27, f: 12, n: 10, r: 13, t: 9, v: 11 },
}
const newline: RegexNode = {
  kind: 'atomic',
  body: {
    kind: 'choice',
    options: [
      {
        kind: 'sequence',
        parts: [
          { kind: 'literal', codepoint: 13 },
          { kind: 'literal', codepoint: 10 },
        ],
      },
      { kind: 'set', set: nativeSet('[\\n-\\r\\x85\\u2028\\u2029]', false) },
    ],
  },
}

function mostOf(
  from: string | undefined,
  comma: string | undefined,
  to: string,
  upTo: string | undefined,
): number | null {
  if (upTo !== undefined) return Number(upTo)
  if (comma === '') return Number(from)
  assert(comma === ',', 'a repetition from one count to another has a comma')
  return to === '' ? null : Number(to)
}

function valid(codepoint: number): number {
  if (codepoint <= 0x10ffff) return codepoint
  throw new RegexSyntaxError('too big wide-char value')
}
