// Personal data
//
// Numbers and addresses that name a person or an account, by their form and, where they have one, their checksum.
// A place counts where no letter, digit or underscore stands before it; the `n` of an escaped line end, as in JSON
// within a text, is none.

import { charactersOf, type Detector, type PatternOptions, patternDetector } from './detector.ts'

const digits = { digits: true, upper: false, lower: false }
const capitals = { digits: true, upper: true, lower: false }
const letters = { digits: true, upper: true, lower: true }

const localPartMax = 64
const inLocalPart = charactersOf('._%+-', letters)

/** Where what stands before an @ may begin. */
function localParts(text: string, from: number): readonly number[] {
  const places: number[] = []
  for (let at = text.indexOf('@', from); at !== -1; at = text.indexOf('@', at + 1)) {
    const first = Math.max(from, at - localPartMax)
    let start = at
    while (start > first && inLocalPart(text.charCodeAt(start - 1))) start -= 1
    for (let place = start; place < at; place++) {
      const isJoined = place > start && text[place - 2] !== '\\'
      if (!isJoined) places.push(place)
    }
  }
  return places
}

/** Addresses by what stands around their @. */
export const emailPattern: PatternOptions = {
  ...{ kind: 'email', severity: 'medium', reach: 660 },
  pattern: new RegExp(
    '(?<![.%+-]|(?<!\\\\)\\w)[\\w.%+-]{1,64}@' +
      '[A-Za-z0-9-]{1,63}(?:\\.[A-Za-z0-9-]{1,63}){0,7}\\.[A-Za-z]{2,24}',
    'g',
  ),
  mayHold: charactersOf('._%+-@', letters),
  mayStart: inLocalPart,
  places: localParts,
  judge: (match) => ({ detector: 'address', length: match.length }),
}

export const emailDetector: Detector = patternDetector(emailPattern)

export const phoneDetector: Detector = patternDetector({
  ...{ kind: 'phone', severity: 'low', reach: 64 },
  // International with its plus; else the North American form with its separators.
  pattern: new RegExp(
    '(?<![+.]|(?<!\\\\)\\w)(?:\\+\\d{1,3}(?:[ .()-]{0,2}\\d){6,14}|' +
      '(?:\\(\\d{3}\\) ?|\\d{3}[-. ])\\d{3}[-. ]\\d{4})(?![\\w-])',
    'g',
  ),
  mayHold: charactersOf(' .()+-', digits),
  mayStart: charactersOf('(+', digits),
  judge: (match) => {
    const count = match.replace(/\D/g, '').length
    return count <= 15 ? { detector: 'number', length: match.length } : null
  },
})

export const cardDetector: Detector = patternDetector({
  ...{ kind: 'card', severity: 'high', reach: 40 },
  pattern: /(?<!\d\.|(?<!\\)\w)[2-6](?:[ -]?\d){12,18}(?:[ -]?\w)?/g,
  mayHold: charactersOf(' -', digits),
  mayStart: charactersOf('', digits),
  judge: (match) => {
    const number = match.replace(/\D/g, '')
    let count = number.length
    for (let end = match.length; count >= 12; end--) {
      const isEnd = isDigit(match.charCodeAt(end - 1)) && !isWord(match.charCodeAt(end))
      if (isEnd && isCard(number.slice(0, count))) return { detector: 'luhn', length: end }
      if (isDigit(match.charCodeAt(end - 1))) count -= 1
    }
    return null
  },
})

export const ibanDetector: Detector = patternDetector({
  ...{ kind: 'iban', severity: 'high', reach: 48 },
  pattern: /(?<!(?<!\\)\w)[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,31}/g,
  mayHold: charactersOf(' ', capitals),
  mayStart: charactersOf('', { digits: false, upper: true, lower: false }),
  judge: (match) => {
    const length = ibanLengths.get(match.slice(0, 2)) ?? 0
    let end = 0
    for (let count = 0; count < length && end < match.length; end++) {
      if (match[end] !== ' ') count += 1
    }
    const iban = match.slice(0, end).replaceAll(' ', '')
    const isEnd = !isWord(match.charCodeAt(end))
    return iban.length === length && isEnd && isMod97(iban)
      ? { detector: 'mod-97', length: end }
      : null
  },
})

export const ssnDetector: Detector = patternDetector({
  ...{ kind: 'ssn', severity: 'high', reach: 16 },
  pattern: /(?<![-.]|(?<!\\)\w)(?!000|666|9)\d{3}([- ])(?!00)\d{2}\1(?!0000)\d{4}(?![\w-])/g,
  mayHold: charactersOf(' -', digits),
  mayStart: charactersOf('', digits),
  judge: (match) => ({ detector: 'form', length: match.length }),
})

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39
}

/** False past the end of a text, too. */
const isWord = charactersOf('_', letters)

// First digits and lengths of the networks: Visa, Mastercard, American Express, Diners, Discover, JCB, UnionPay.
const cardForms = [
  /^4(?:\d{12}|\d{15}|\d{18})$/,
  /^(?:5[1-5]|2[2-7])\d{14}$/,
  /^3[47]\d{13}$/,
  /^3(?:0[0-5]|[68]\d)\d{11}$/,
  /^6(?:011|4[4-9]\d|5\d\d)\d{12,15}$/,
  /^35\d{14,17}$/,
  /^62\d{14,17}$/,
]

function isCard(number: string): boolean {
  if (number.length < 13 || number.length > 19) return false
  return cardForms.some((form) => form.test(number)) && isLuhn(number)
}

/** The check digit of ISO/IEC 7812. */
export function isLuhn(number: string): boolean {
  let sum = 0
  for (let i = 0; i < number.length; i++) {
    const digit = number.charCodeAt(number.length - 1 - i) - 0x30
    const doubled = i % 2 === 1 ? digit * 2 : digit
    sum += doubled > 9 ? doubled - 9 : doubled
  }
  return sum % 10 === 0
}

/** The check digits of ISO 13616. */
export function isMod97(iban: string): boolean {
  let rest = 0
  for (const character of iban.slice(4) + iban.slice(0, 4)) {
    const value = Number.parseInt(character, 36)
    rest = (rest * (value > 9 ? 100 : 10) + value) % 97
  }
  return rest === 1
}

/** Lengths by country, from the IBAN registry of SWIFT. */
const ibanLengths: ReadonlyMap<string, number> = new Map(
  [
    ...['AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22'],
    ...['DJ27 DK18 DO28 EE20 EG29 ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28'],
    ...['HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25'],
    ...['MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29'],
    ...['RO24 RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29'],
    ...['VA22 VG24 XK20 YE30'],
  ]
    .flatMap((line) => line.split(' '))
    .map((entry) => [entry.slice(0, 2), Number(entry.slice(2))]),
)
