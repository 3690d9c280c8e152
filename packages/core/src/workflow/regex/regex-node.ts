// Regex node
//
// A regular expression as it was parsed.

export interface CharacterSet {
  has(codepoint: number): boolean
}

export type Anchor =
  | 'textStart'
  | 'textEnd'
  /** The end, or before the newline that ends the text. */
  | 'lastLineEnd'
  | 'lineStart'
  | 'lineEnd'
  | 'word'
  | 'notWord'

export type RegexNode =
  | { readonly kind: 'empty' }
  | { readonly kind: 'literal'; readonly codepoint: number }
  | { readonly kind: 'set'; readonly set: CharacterSet }
  | { readonly kind: 'sequence'; readonly parts: readonly RegexNode[] }
  | { readonly kind: 'choice'; readonly options: readonly RegexNode[] }
  | { readonly kind: 'group'; readonly index: number; readonly body: RegexNode }
  /** Taken as it matches first: what comes after does not make it match otherwise. */
  | { readonly kind: 'atomic'; readonly body: RegexNode }
  | {
      readonly kind: 'look'
      readonly body: RegexNode
      readonly side: Side
      readonly isNot: boolean
    }
  | { readonly kind: 'anchor'; readonly anchor: Anchor }
  /** The same text as one of these groups has, the last one of them that has any. */
  | { readonly kind: 'again'; readonly groups: readonly number[]; readonly ignoresCase: boolean }
  | RepeatNode

export type Side = 'ahead' | 'behind'

export interface RepeatNode {
  readonly kind: 'repeat'
  readonly body: RegexNode
  readonly least: number
  /** Null: as often as may be. */
  readonly most: number | null
  readonly isLazy: boolean
}

export interface Width {
  readonly least: number
  /** In codepoints; infinite where nothing bounds it. */
  readonly most: number
}

/** How long a text it can match. */
export function widthOf(node: RegexNode): Width {
  switch (node.kind) {
    case 'empty':
    case 'look':
    case 'anchor':
      return { least: 0, most: 0 }
    case 'literal':
    case 'set':
      return { least: 1, most: 1 }
    case 'group':
    case 'atomic':
      return widthOf(node.body)
    case 'again':
      return { least: 0, most: Number.POSITIVE_INFINITY }
    case 'sequence': {
      const widths = node.parts.map(widthOf)
      return {
        least: sum(widths.map((one) => one.least)),
        most: sum(widths.map((one) => one.most)),
      }
    }
    case 'choice': {
      const widths = node.options.map(widthOf)
      const least = widths.reduce((found, one) => Math.min(found, one.least), widths[0]?.least ?? 0)
      return { least, most: widths.reduce((found, one) => Math.max(found, one.most), 0) }
    }
    case 'repeat': {
      const { least, most } = widthOf(node.body)
      const times = node.most ?? Number.POSITIVE_INFINITY
      return { least: least * node.least, most: most === 0 || times === 0 ? 0 : most * times }
    }
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0)
}
