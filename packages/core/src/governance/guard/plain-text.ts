// Plain text
//
// A text as detectors see it: spaces, hyphens and digits are written in many ways, by word processors, web pages and
// models alike, and a number is the same number in each of them.
//
// Invariants:
//   X1. Each character stays one, at its place: what is found in the plain text stands at the same places of the text.

// Also those without a width.
const spaces = '\u00a0\u1680\u2000-\u200f\u2028\u2029\u202f\u205f\u2060\u3000\ufeff'
const hyphens = '\u00ad\u2010-\u2013\u2212\ufe63'
const wide = '\uff01-\uff5e' // ASCII in the width of Chinese characters
const digits = '\u0660-\u0669\u06f0-\u06f9\u0966-\u096f' // Arabic, Persian, Devanagari
const odd = new RegExp(`[${spaces}${hyphens}${wide}${digits}]`)
const each = new RegExp(odd.source, 'g')

const isSpace = new RegExp(`[${spaces}]`)
const isHyphen = new RegExp(`[${hyphens}]`)

/** The very same where nothing is written in another way. */
export function plainText(text: string): string {
  return odd.test(text) ? text.replace(each, plainCharacter) : text
}

function plainCharacter(character: string): string {
  if (isSpace.test(character)) return ' '
  if (isHyphen.test(character)) return '-'
  const code = character.charCodeAt(0)
  if (code >= 0xff01) return String.fromCharCode(code - 0xfee0)
  return `${(code & 0xf) - (code >= 0x0966 ? 6 : 0)}` // each block of digits begins at 0, or at 6
}
