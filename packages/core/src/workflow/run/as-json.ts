// As JSON
//
// A part of a parsed document as the JSON that it is.

import type { Json } from '../../resource/index.ts'

/** Documents come from JSON or YAML and hold nothing else; their types say so member by member. */
export function asJson(part: unknown): Json {
  return part as Json
}
