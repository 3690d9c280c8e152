// Header arguments
//
// Arguments of which a tool's schema says that they are told in headers as well (`x-mcp-header`), so that what stands in
// between can see them. A server refuses a call without them. Model Context Protocol 2026-07-28, Streamable HTTP, custom headers.

import { isObject } from '@tutti/core/dialect'

const prefix = 'mcp-param-'
const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/ // RFC 9110, 5.6.2
const plain = /^[\t\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?$/
const encoded = /^=\?base64\?.*\?=$/
const depthMax = 32 // nobody nests arguments so deep

/** Headers of a call; none where the schema names none. */
export function headersOfArguments(
  schema: unknown,
  given: unknown,
  depth = 0,
): Readonly<Record<string, string>> {
  if (!isObject(schema)) return {}
  const { 'x-mcp-header': name, properties } = schema
  if (typeof name === 'string' && token.test(name)) {
    const text = textOf(given)
    return text === null ? {} : { [prefix + name.toLowerCase()]: text }
  }
  if (!isObject(properties) || !isObject(given) || depth > depthMax) return {}
  const below = Object.entries(properties)
    .filter(([member]) => Object.hasOwn(given, member))
    .map(([member, one]) => headersOfArguments(one, given[member], depth + 1))
  return Object.assign({}, ...below)
}

function textOf(value: unknown): string | null {
  const isTold =
    typeof value === 'string' || typeof value === 'boolean' || Number.isSafeInteger(value)
  if (!isTold) return null
  const text = String(value)
  if (plain.test(text) && !encoded.test(text)) return text
  return `=?base64?${Buffer.from(text).toString('base64')}?=`
}
