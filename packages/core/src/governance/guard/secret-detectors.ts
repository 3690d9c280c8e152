// Secret detectors
//
// Credentials: tokens whose makers give them a prefix, private keys in PEM, and strings that look like chance. A token
// longer than `tokenMax` is found to that length.

import { charactersOf, type Detector, type PatternOptions, patternDetector } from './detector.ts'
import type { GuardFinding } from './guard.ts'
import { runPlaces } from './run-places.ts'

const tokenMax = 4_096
const tokenMin = 15 // of the forms below: Slack's
const alphanumeric = { digits: true, upper: true, lower: true }
const noClass = { digits: false, upper: false, lower: false }
const beginsToken = charactersOf('ASeghnrstx', noClass) // of the forms below
const inToken = charactersOf('_-.', alphanumeric)

const tokens: readonly (readonly [detector: string, form: string])[] = [
  ['aws-key', '(?:AKIA|ASIA)[A-Z0-9]{16}'],
  ['github-token', '(?:gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_\\w{22,255})'],
  ['gitlab-token', 'glpat-[\\w-]{20,255}'],
  ['anthropic-key', 'sk-ant-[\\w-]{16,255}'],
  ['openai-key', 'sk-(?:[a-z]{2,8}-)?[\\w-]{20,255}'],
  ['stripe-key', '[sr]k_(?:live|test)_[A-Za-z0-9]{16,255}'],
  ['google-key', 'AIza[\\w-]{35}'],
  ['slack-token', 'xox[abeprs]-[A-Za-z0-9-]{10,255}'],
  ['npm-token', 'npm_[A-Za-z0-9]{36}'],
  ['hugging-face-token', 'hf_[A-Za-z0-9]{30,255}'],
  ['sendgrid-key', 'SG\\.[\\w-]{16,64}\\.[\\w-]{16,64}'],
  ['tutti-key', 'tutti_[\\w-]{20,255}'],
  ['jwt', 'eyJ[\\w-]{8,1300}\\.eyJ[\\w-]{8,1300}\\.[\\w-]{8,1300}'],
]

/** One group for each form, so that the match says which it was. */
const tokenPattern = `(?<!-|(?<!\\\\)\\w)(?:${tokens.map(([, form]) => form).join('|')})`
const eachToken = tokens.map(([detector, form]) => [detector, new RegExp(`^(?:${form})$`)] as const)

/** Tokens by the prefix that their maker gives them. */
export const tokenForm: PatternOptions = {
  ...{ kind: 'secret', severity: 'high', reach: tokenMax },
  pattern: new RegExp(tokenPattern, 'g'),
  mayHold: inToken,
  mayStart: charactersOf('', alphanumeric),
  places: runPlaces({
    ...{ lengthMin: tokenMin, mayHold: inToken, mayStart: beginsToken },
    joins: charactersOf('_-', alphanumeric),
  }),
  judge: (match) => {
    const known = eachToken.find(([, form]) => form.test(match))
    return { detector: known?.[0] ?? 'token', length: match.length }
  },
}

export const tokenDetector: Detector = patternDetector(tokenForm)

const chanceMax = 256
const chanceMin = 32
const inChance = charactersOf('_+/-', alphanumeric)

/** A run of characters that is neither a word nor a path. */
export const chanceForm: PatternOptions = {
  ...{ kind: 'secret', severity: 'medium', reach: chanceMax + 3 },
  pattern: /(?<![+/-]|(?<!\\)\w)[\w+/-]{32,256}={0,2}(?![\w+/=-])/g,
  mayHold: charactersOf('_+/=-', alphanumeric),
  mayStart: inChance,
  places: runPlaces({
    ...{ lengthMin: chanceMin, mayHold: inChance },
    ...{ mayStart: inChance, joins: inChance },
  }),
  judge: (match) => {
    const isMixed = /[a-z]/.test(match) && /[A-Z]/.test(match) && /\d/.test(match)
    const isChance = isMixed && entropyBits(match) >= chanceBitsMin
    return isChance ? { detector: 'entropy', length: match.length } : null
  },
}

/** What looks like chance: letters of both cases and digits, evenly mixed. */
export const chanceDetector: Detector = patternDetector(chanceForm)

// Of 32 characters that chance drew from 62, nearly all have 4.3 bits each or more; names and paths have below 4.2.
const chanceBitsMin = 4.3

/** Shannon's entropy of a character of the text. */
export function entropyBits(text: string): number {
  const counts = new Map<string, number>()
  for (const character of text) counts.set(character, (counts.get(character) ?? 0) + 1)
  let bits = 0
  for (const count of counts.values()) {
    const share = count / text.length
    bits -= share * Math.log2(share)
  }
  return bits
}

const keyBegin = '-----BEGIN '
const keyHeader = /-----BEGIN (?:[A-Z0-9]{1,16} ){0,3}PRIVATE KEY-----/y
const keyEnd = /-----END (?:[A-Z0-9]{1,16} ){0,3}PRIVATE KEY-----/y
const lineMax = 96 // of a header or an end
const keyBodyMax = 8_192 // an RSA key of 8,192 bits has 6,400 characters
const keyBody = charactersOf('+/=\n\r\t ,:.\\', alphanumeric)

/** Private keys in PEM, also with their line ends escaped; a key without its end is one too. */
export const privateKeyDetector: Detector = {
  find: (text, from) => {
    const found: GuardFinding[] = []
    for (let at = text.indexOf(keyBegin, from); at !== -1; at = text.indexOf(keyBegin, at + 1)) {
      const { end } = keyAt(text, at)
      if (end === -1) continue
      const what = { kind: 'secret', detector: 'private-key', severity: 'high' } as const
      found.push({ ...what, start: at, end })
    }
    return found
  },
  openFrom: (text, from) => {
    const first = Math.max(from, text.length - keyBodyMax - 2 * lineMax)
    for (let at = text.indexOf('-', first); at !== -1; at = text.indexOf('-', at + 1)) {
      const isHeader = text.startsWith(keyBegin, at)
      const tail = text.slice(at, at + keyBegin.length)
      if (isHeader ? keyAt(text, at).isOpen : keyBegin.startsWith(tail)) return at
    }
    return text.length
  },
}

/** Where the key that begins here ends (-1: it is none), and whether more text may change it. */
function keyAt(text: string, start: number): { readonly end: number; readonly isOpen: boolean } {
  keyHeader.lastIndex = start
  const header = keyHeader.exec(text)
  if (header === null) return { end: -1, isOpen: text.length - start < lineMax }
  const bodyStart = start + header[0].length
  let at = bodyStart
  while (at < text.length && at - bodyStart < keyBodyMax && keyBody(text.charCodeAt(at))) at += 1
  if (at - bodyStart === keyBodyMax) return { end: at, isOpen: false }
  keyEnd.lastIndex = at
  const tail = keyEnd.exec(text)
  if (tail !== null) return { end: at + tail[0].length, isOpen: false }
  const isCut = text.length - at < lineMax && (at === text.length || text[at] === '-')
  return { end: at, isOpen: isCut }
}
