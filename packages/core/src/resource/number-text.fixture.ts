// Number text
//
// Numbers as JSON writes them, with any digits, and what tells whether two texts are one number.

import fc from 'fast-check'

const digits = (maxLength: number) => fc.stringMatching(new RegExp(`^[0-9]{1,${maxLength}}$`))
/** Of any number that JSON can say. */
export const numberText = fc
  .tuple(
    fc.constantFrom('', '-'),
    digits(40).map((text) => text.replace(/^0+(?=\d)/, '')),
    fc.option(digits(40), { nil: undefined }),
    fc.option(fc.integer({ min: -999, max: 999 }), { nil: undefined }),
    fc.constantFrom('e', 'E', 'e+', 'E-'),
  )
  .map(([sign, whole, fraction, exponent, e]) => {
    const point = fraction === undefined ? '' : `.${fraction}`
    const power = exponent === undefined ? '' : `${e}${Math.abs(exponent)}`
    return `${sign}${whole}${point}${power}`
  })

/** The same for all texts of one number. */
export function decimalOf(text: string): string {
  const [, sign, whole = '', fraction = '', exponent = '0'] =
    /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text) ?? []
  const all = `${whole}${fraction}`.replace(/^0+/, '')
  const kept = all.replace(/0+$/, '')
  const power = Number(exponent) - fraction.length + (all.length - kept.length)
  return kept === '' ? '0' : `${sign}${kept}e${power}`
}
