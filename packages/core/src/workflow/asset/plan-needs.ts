// Plan needs
//
// Whether a task may read the assets that it needs now, has to wait for them, or cannot have them.
//
//   N1. It reads only when each of them is fresh at that moment, all at the same time.
//   N2. What makes an asset is started once, whoever needs it, and only where nobody makes it already.
//   N3. What nobody makes, or could not be made, is an error that says so; nobody waits for ever.
//   N4. Who would wait for himself is told so, and productions that need productions end somewhere.

import type { Json } from '../../resource/index.ts'

/** One asset that a task reads, as it asks for it. */
export interface AssetNeed {
  readonly name: string
  /** Empty: the asset has none. */
  readonly partition: string
  /** How old it may be when it is read; null: any age. */
  readonly freshMs: number | null
  /** The workflow that makes it where it is stale or absent; null: then it is an error. */
  readonly produce: {
    readonly namespace: string
    readonly name: string
    readonly version: string
    readonly input: Readonly<Record<string, Json>>
  } | null
}

/** What is known of it. */
export interface NeedView {
  readonly need: AssetNeed
  readonly newest: { readonly madeAtMs: number; readonly run: string } | null
  /** The run under way that makes it; `isCircle`: it waits for the one that asks. */
  readonly production: { readonly run: string; readonly isCircle: boolean } | null
  /** The run that was waited for, which has ended; `failure`: why it made nothing. */
  readonly ended: { readonly run: string; readonly failure: string | null } | null
}

export type NeedsPlan =
  | { readonly phase: 'ready' }
  /** `produce`: what is to be started; the others are under way. */
  | { readonly phase: 'waiting'; readonly produce: readonly AssetNeed[] }
  | { readonly phase: 'failed'; readonly reason: string }

const roundsMax = 3 // for each need: after that they are never fresh at the same time
export const productionDepthMax = 32 // productions that wait for productions

/** `rounds`: productions that the task has waited for; `depth`: those that wait for its run. */
export function planNeeds(
  views: readonly NeedView[],
  { rounds, depth }: { readonly rounds: number; readonly depth: number },
  nowMs: number,
): NeedsPlan {
  const open = views.filter(({ need, newest }) => !isFresh(need, newest, nowMs))
  if (open.length === 0) return { phase: 'ready' } // N1
  for (const view of open) {
    const reason = whyNever(view, nowMs)
    if (reason !== null) return { phase: 'failed', reason }
  }
  if (rounds >= roundsMax * views.length) {
    const names = open.map(({ need }) => assetName(need)).join(', ')
    const reason = `after ${rounds} productions ${names}: not fresh at the same time as the others`
    return { phase: 'failed', reason }
  }
  const produce = new Map<string, AssetNeed>()
  for (const { need, production } of open) {
    if (production === null) produce.set(assetName(need), need) // N2
  }
  if (produce.size > 0 && depth >= productionDepthMax) {
    const reason = `${productionDepthMax} productions wait for each other already` // N4
    return { phase: 'failed', reason }
  }
  return { phase: 'waiting', produce: [...produce.values()] }
}

/** As lineage, labels and errors have it: `NAME`, or `NAME@PARTITION`. */
export function assetName(of: Pick<AssetNeed, 'name' | 'partition'>): string {
  return of.partition === '' ? of.name : `${of.name}@${of.partition}`
}

function isFresh(need: AssetNeed, newest: NeedView['newest'], nowMs: number): boolean {
  if (newest === null) return false
  return need.freshMs === null || nowMs - newest.madeAtMs <= need.freshMs
}

/** N3 */
function whyNever({ need, newest, production, ended }: NeedView, nowMs: number): string | null {
  const what = assetName(need)
  if (ended !== null) {
    const { run, failure } = ended
    if (failure !== null) return `the run ${run}, which was to make ${what}, ${failure}`
    if (newest?.run !== run) return `the run ${run} was to make ${what}, and has made none`
  }
  if (production?.isCircle === true) {
    return `${what} is made by the run ${production.run}, which waits for this one` // N4
  }
  if (production !== null || need.produce !== null) return null
  if (newest === null) return `there is no asset ${what} in this project`
  const seconds = (ms: number) => `${Math.round(ms / 1_000)} s`
  const age = seconds(nowMs - newest.madeAtMs)
  return `${what} is ${age} old, and may be ${seconds(need.freshMs ?? 0)}`
}

/** Whether a run waits for another one, by way of any others: who waits for whom, by run. */
export function reaches(
  waits: ReadonlyMap<string, ReadonlySet<string>>,
  from: string,
  to: string,
): boolean {
  const seen = new Set<string>()
  const open = [from]
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    if (at === to) return true
    if (seen.has(at)) continue
    seen.add(at)
    open.push(...(waits.get(at) ?? []))
  }
  return false
}
