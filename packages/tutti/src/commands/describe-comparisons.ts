// Describe comparisons
//
// What is said of how the answers of shadows compare with those that callers got, of each and of all.

import { z } from 'zod'
import { formatTable } from '../home/index.ts'
import { timeOfDay } from './gateway-lists.ts'

const compared = z.looseObject({
  targets: z.array(z.string()),
  ms: z.number(),
  costNanos: z.number().nullable(),
})
type Compared = z.infer<typeof compared>

/** What the command shows of a comparison; more may be added to it. */
export const comparison = z.looseObject({
  atMs: z.number(),
  route: z.string(),
  live: compared,
  shadow: compared,
  failure: z.string().nullable(),
  isSame: z.boolean().nullable(),
  similarity: z.number().nullable(),
})
export type Comparison = z.infer<typeof comparison>

export function lineOf(one: Comparison): string {
  const both = `${tookOf(one.live)}; shadow ${tookOf(one.shadow)}`
  return `${timeOfDay(one.atMs)} ${one.route}: ${likenessOf(one)}; ${both}`
}

function likenessOf({ failure, isSame, similarity }: Comparison): string {
  if (failure !== null) return `the shadow failed (${failure})`
  if (isSame === null) return 'nothing to compare'
  if (isSame) return 'the same'
  return similarity === null ? 'not the same' : `${sharesOf(similarity)} alike`
}

function tookOf({ targets, ms, costNanos }: Compared): string {
  const by = targets.length === 0 ? 'nobody' : targets.join(', ')
  return `${by} ${Math.round(ms)} ms, ${costNanos === null ? 'price unknown' : dollars(costNanos)}`
}

/** A row for each route: what decides whether a shadow may take over. */
export function summaryOf(all: readonly Comparison[]): string {
  const routes = [...new Set(all.map(({ route }) => route))].toSorted()
  const rows = routes.map((route) => {
    const own = all.filter((one) => one.route === route)
    const told = own.filter(({ isSame }) => isSame !== null)
    const same = told.filter(({ isSame }) => isSame === true).length
    const alike = own.flatMap(({ similarity }) => similarity ?? [])
    return {
      ...{ route, compared: `${told.length} of ${own.length}` },
      same: told.length === 0 ? '' : sharesOf(same / told.length),
      alike: alike.length === 0 ? '' : sharesOf(sumOf(alike) / alike.length),
      failed: failuresOf(own),
      'p50 ms': `${medianMs(own.map(({ live }) => live))} -> ${medianMs(shadowsOf(own))}`,
      cost: `${costOf(own.map(({ live }) => live))} -> ${costOf(shadowsOf(own))}`,
    }
  })
  return formatTable(['route', 'compared', 'same', 'alike', 'failed', 'p50 ms', 'cost'], rows)
}

function shadowsOf(all: readonly Comparison[]): readonly Compared[] {
  return all.map(({ shadow }) => shadow)
}

/** E.g. `3 (silent 2, failing 1)`. */
function failuresOf(all: readonly Comparison[]): string {
  const counts = new Map<string, number>()
  for (const { failure } of all) {
    if (failure !== null) counts.set(failure, (counts.get(failure) ?? 0) + 1)
  }
  const said = [...counts].map(([failure, count]) => `${failure} ${count}`)
  return said.length === 0 ? '0' : `${sumOf([...counts.values()])} (${said.join(', ')})`
}

function medianMs(all: readonly Compared[]): number {
  const ordered = all.map(({ ms }) => ms).toSorted((a, b) => a - b)
  return Math.round(ordered[(ordered.length - 1) >> 1] ?? 0)
}

/** A `+` where some are in it whose price nobody knows. */
function costOf(all: readonly Compared[]): string {
  const known = all.flatMap(({ costNanos }) => costNanos ?? [])
  return dollars(sumOf(known)) + (known.length < all.length ? '+' : '')
}

function dollars(nanos: number): string {
  return `$${(nanos / 1e9).toFixed(6)}`
}

/** Down: what is nearly the same is not told to be the same. */
function sharesOf(share: number): string {
  return `${(Math.floor(share * 1_000) / 10).toFixed(1)} %`
}

function sumOf(all: readonly number[]): number {
  return all.reduce((sum, one) => sum + one, 0)
}
