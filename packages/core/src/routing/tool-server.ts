// Tool server
//
// A server of the Model Context Protocol behind the gateway: its tools are called by its name and theirs.

import { z } from 'zod'
import { guardSpec } from '../governance/index.ts'
import { digest } from '../resource/index.ts'
import { bodyRule } from './kept-request.ts'

/** A name, or what names begin with and a star; a star alone is all. */
export const toolPattern = z
  .string()
  .regex(/^[\w.-]{0,128}\*?$/, 'expected a name, or a beginning and *')

/** Of a Provider with the dialect `mcp`. */
export const toolServerSpec = z.strictObject({
  /** Which of its tools there are; absent: all. */
  tools: z.array(toolPattern).max(1_000).optional(),
  /** Until a call has answered, or told of its progress. */
  timeoutMs: z.int().min(1).max(3_600_000).default(60_000),
  /** Calls on their way at a time, from one gateway. */
  callsMax: z.int().min(1).max(1_000).default(16),
  /** What each of its tools says of itself, by digest: others are withheld. Absent: any. */
  pins: z.record(z.string().min(1).max(128), digest).optional(),
  /** What is looked for in arguments, results and what tools say of themselves; absent: nothing. */
  guard: guardSpec.optional(),
  /** What is kept of calls beside their records; absent: nothing. */
  bodies: bodyRule.optional(),
  /** What a call costs, for budgets; absent: nothing. */
  price: z.strictObject({ perCall: z.number().min(0).max(1_000_000) }).optional(),
})
export type ToolServerSpec = z.infer<typeof toolServerSpec>

/** The name under which its calls are limited, counted and paid; no Route has such a one. */
export function toolRoute(server: string): string {
  return `mcp/${server}`
}

const between = '__' // no name of a Provider holds it

export function toolName(server: string, tool: string): string {
  return server + between + tool
}

/** Null for a name that is none of ours. */
export function splitToolName(
  name: string,
): { readonly server: string; readonly tool: string } | null {
  const at = name.indexOf(between)
  if (at <= 0 || at + between.length >= name.length) return null
  return { server: name.slice(0, at), tool: name.slice(at + between.length) }
}

/** Why a tool is withheld that says of itself what has this digest; null where it is not. */
export function whyUnpinned(
  pins: ToolServerSpec['pins'],
  tool: { readonly name: string; readonly digest: string },
): string | null {
  if (pins === undefined) return null
  if (!Object.hasOwn(pins, tool.name)) return 'nobody has accepted it yet'
  return pins[tool.name] === tool.digest ? null : 'it says something else than what was accepted'
}

/** The server whose calls are counted under this name; null for a Route. */
export function serverOfRoute(route: string): string | null {
  return route.startsWith(toolRoute('')) ? route.slice(toolRoute('').length) : null
}

/** True where one of the patterns allows the name, or there are none. */
export function allowsTool(patterns: readonly string[] | undefined, name: string): boolean {
  if (patterns === undefined) return true
  return patterns.some((pattern) =>
    pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern,
  )
}
