// Tool digest
//
// All that a server says of one of its tools, as one digest: its description, its schemas, its annotations. What an agent
// reads before it calls is as good a way to it as what a call gives.

import { createHash } from 'node:crypto'
import { canonicalJson, type Json } from '@tutti/core/resource'
import type { Tool } from './tool-server.ts'

const known = new WeakMap<Tool, string>()

/** Worked out once for each time that its server has told of it. */
export function toolDigest(tool: Tool): string {
  const before = known.get(tool)
  if (before !== undefined) return before
  const text = canonicalJson(tool as Json)
  const made = `sha256:${createHash('sha256').update(text).digest('hex')}`
  known.set(tool, made)
  return made
}
