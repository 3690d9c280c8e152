// Subtree
//
// Arithmetic on ranges of entries. Plain numbers and division instead of bit operators, because
// JavaScript's bit operators stop at 32 bits and sizes here go to 2^53 - 1.

/** Whether a number can be the size of a tree or the index of an entry. */
export function isSize(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0
}

/**
 * Whether [start, end) is a subtree: `start` is a multiple of the smallest power of two that is
 * not below its size (draft-ietf-plants-merkle-tree-certs, section "Subtrees").
 */
export function isSubtree(start: number, end: number): boolean {
  return isSize(start) && isSize(end) && start <= end && start % powerNotBelow(end - start) === 0
}

/** The largest power of two below `size`: where RFC 6962 splits a tree. Needs `size` >= 2. */
export function powerBelow(size: number): number {
  let power = 1
  while (power * 2 < size) power *= 2
  return power
}

/** The largest power of two that divides `value`. Needs `value` >= 1. */
export function powerDividing(value: number): number {
  let power = 1
  while (value % (power * 2) === 0) power *= 2
  return power
}

/** `value` shifted right by one bit. */
export function half(value: number): number {
  return Math.floor(value / 2)
}

export function isOdd(value: number): boolean {
  return value % 2 === 1
}

function powerNotBelow(size: number): number {
  let power = 1
  while (power < size) power *= 2
  return power
}
