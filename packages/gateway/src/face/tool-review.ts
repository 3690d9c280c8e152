// Tool review
//
// Whether callers get to see a tool and may call it: by what its server says of it, which an agent reads as it reads a
// prompt. Pinned servers show only what somebody has accepted, word for word; what the guard of a server denies in what
// goes in it denies in a description, too.
//
// Invariants:
//   M5. A tool is neither shown nor called that says something else than what was accepted, or what its guard denies.

import type { GuardPlan, GuardSpec, Originals } from '@tutti/core/governance'
import { whyUnpinned } from '@tutti/core/routing'
import { messageOf } from '../failure.ts'
import type { Scanner } from '../governance/index.ts'
import type { RouteEntry } from '../routing/index.ts'
import { type Tool, type ToolServer, textsOf, toolDigest, withTexts } from '../tools/index.ts'
import type { Exchange, FacePorts } from './exchange.ts'
import type { WithheldTool } from './withheld-tools.ts'

export type Review =
  /** The tool as callers see it, without what the guard takes out. */
  | { readonly kind: 'shown'; readonly tool: Tool }
  /** The digest is what is written into the pins of its Provider where it is to be accepted. */
  | {
      readonly kind: 'withheld'
      readonly by: WithheldTool['by']
      readonly why: string
      readonly digest: string
    }

export interface Reviewed {
  readonly server: ToolServer
  readonly route: RouteEntry
  readonly tool: Tool
}

export async function reviewTool(
  ports: FacePorts,
  exchange: Exchange,
  of: Reviewed,
): Promise<Review> {
  const review = await reviewed(ports, exchange, of)
  if (review.kind === 'shown') return review
  const { by, why, digest } = review
  const { project, name: server } = of.server.entry
  ports.withheld.note({ project, server, tool: of.tool.name, by, why, digest })
  return review
}

async function reviewed(
  ports: FacePorts,
  exchange: Exchange,
  { server, route, tool }: Reviewed,
): Promise<Review> {
  const { pins } = server.entry
  const digest = pins === undefined ? '' : toolDigest(tool)
  const why = whyUnpinned(pins, { name: tool.name, digest }) // M5
  if (why !== null) return { kind: 'withheld', by: 'pins', why, digest }
  return await looked(ports, exchange, { server, route, tool })
}

/** True where what a server says of its tools matters to who calls them. */
export function isReviewed({ entry }: ToolServer): boolean {
  return entry.pins !== undefined || entry.guard?.on.includes('input') === true
}

type Reviews = Map<string, Promise<Review>>
const looks = new WeakMap<Tool, Reviews>()

/** Once for each time that its server has told of a tool, and for each plan of the guard. */
function looked(ports: FacePorts, exchange: Exchange, of: Reviewed): Promise<Review> {
  const { guard } = of.server.entry
  if (guard?.on.includes('input') !== true) {
    return Promise.resolve({ kind: 'shown', tool: of.tool })
  }
  const plan = exchange.directory.guardPlan(exchange.key, of.route, 'input')
  const name = JSON.stringify(plan)
  const reviews: Reviews = looks.get(of.tool) ?? new Map()
  const look = () => lookThrough(ports.scanner, of.tool, { guard, plan })
  const made = reviews.get(name) ?? look().catch((error) => unseen(of.tool, error)) // M5
  looks.set(of.tool, reviews.set(name, made))
  return made
}

const nothingTaken: Originals = new Map()

/** By patterns alone: a classifier would be asked, and paid, for every tool that there is. */
async function lookThrough(
  scanner: Scanner,
  tool: Tool,
  by: { readonly guard: GuardSpec; readonly plan: GuardPlan },
): Promise<Review> {
  const { name, ...said } = tool
  const texts = textsOf(said)
  const json = JSON.stringify([...texts, name, ...namesIn(said)])
  const job = { ...by, side: 'input', originals: nothingTaken, bytes: Buffer.from(json) } as const
  const { bytes, counts } = await scanner.scan({ kind: 'scan', ...job })
  const passed = bytes === null ? json : Buffer.from(bytes).toString('utf8')
  const denying = counts.filter(({ action }) => action === 'deny')
  if (denying.length > 0) {
    const found = denying.map(({ kind, detector }) => `${kind} (${detector})`).join(', ')
    const why = `what it says of itself holds what the guard of its server refuses: ${found}`
    return { kind: 'withheld', by: 'guard', why, digest: toolDigest(tool) }
  }
  const clean: readonly string[] = JSON.parse(passed)
  const shown = { ...withTexts(said, clean.slice(0, texts.length)), name }
  return { kind: 'shown', tool: shown }
}

function unseen(tool: Tool, error: unknown): Review {
  const why = `what it says of itself could not be looked through: ${messageOf(error)}`
  return { kind: 'withheld', by: 'scan', why, digest: toolDigest(tool) }
}

/** What members are called, of schemas above all: as its own name they are read, and stay. */
function namesIn(value: unknown): readonly string[] {
  if (Array.isArray(value)) return value.flatMap(namesIn)
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([name, of]) => [name, ...namesIn(of)])
}
