// JSON
//
// Reads what an upstream sent, liberally: a member of another type than expected counts as absent.

import { ExactNumber, parseJson } from '../resource/index.ts'

export type JsonObject = Readonly<Record<string, unknown>>

/** The value of a JSON text, or undefined where it is none. */
export function jsonOf(text: string): unknown {
  try {
    return parseJson(text)
  } catch {
    return undefined // the caller says what was expected
  }
}

export function isObject(value: unknown): value is JsonObject {
  if (typeof value !== 'object' || value === null) return false
  return !Array.isArray(value) && !(value instanceof ExactNumber)
}

const nothing: JsonObject = {}

export function objectOf(value: unknown): JsonObject {
  return isObject(value) ? value : nothing
}

export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

export function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

/** What an upstream calls a thing, where that is told: however long it is. */
export function kindName(value: unknown): string {
  return textOf(value).slice(0, 80) || 'content without a type'
}

const countMax = 1_000_000_000 // more than there is of anything: what says so is wrong

/** A whole number; anything but a non-negative number is 0. */
export function countOf(value: unknown): number {
  return typeof value === 'number' && value >= 0 ? Math.ceil(Math.min(value, countMax)) : 0
}
