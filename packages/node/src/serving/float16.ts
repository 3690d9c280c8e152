// Float16
//
// IEEE 754 half precision as raw bits. JavaScript has no such type on the Node versions that we support.

/** The number that 16 bits stand for. */
export function float16Value(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = (bits >> 10) & 0x1f
  const fraction = bits & 0x3ff
  if (exponent === 0) return sign * fraction * 2 ** -24
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
}

/** The 16 bits nearest to a number, ties to even; beyond 65,504 it is Infinity. */
export function float16Bits(value: number): number {
  if (Number.isNaN(value)) return 0x7e00
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0
  const magnitude = Math.abs(value)
  if (magnitude >= 65_520) return sign | 0x7c00
  const exponent = Math.max(-14, Math.floor(Math.log2(magnitude)))
  // A fraction that rounds up to 2^10 carries into the exponent by itself: the bits are one integer.
  const fraction = roundToEven(magnitude / 2 ** (exponent - 10))
  return sign | (exponent === -14 ? fraction : ((exponent + 14) << 10) + fraction)
}

function roundToEven(value: number): number {
  const down = Math.floor(value)
  const rest = value - down
  if (rest === 0.5) return down % 2 === 0 ? down : down + 1
  return rest > 0.5 ? down + 1 : down
}
