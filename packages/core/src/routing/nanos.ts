// Nanos
//
// Dollars in whole nano-dollars, which add up exactly. What may be spent is rounded down, what is charged is rounded up. A product
// of two decimals is rarely the decimal that is meant: 8.2 times a billion is 8,199,999,999.999999 to a machine.

const nanosPerDollar = 1_000_000_000

/** What may be spent. */
export function nanosOf(dollars: number): number {
  return Math.floor(meant(dollars * nanosPerDollar))
}

/** What is charged. */
export function chargedNanosOf(dollars: number): number {
  return wholeUp(dollars * nanosPerDollar)
}

export function wholeUp(amount: number): number {
  return Math.ceil(meant(amount))
}

/** One rounding error away from a whole number, that one is meant. */
function meant(amount: number): number {
  const near = Math.round(amount)
  return Math.abs(amount - near) <= near * Number.EPSILON ? near : amount
}
