// Needs sight
//
// What a project's waiting steps are judged by: the newest versions of the assets that they need, who makes which, who waits for whom.
// Loaded once for many, under the project's lock; what is started meanwhile is seen by those judged after it.

import type { Json } from '@tutti/core/resource'
import {
  type AssetNeed,
  assetName,
  type NeedsPlan,
  planNeeds,
  reaches,
  type WorkflowError,
} from '@tutti/core/workflow'
import type { Query } from '../store/index.ts'
import { type AssetVersion, newestVersions } from './asset-rows.ts'
import { freshRunId } from './fresh-run-id.ts'
import type { JudgeStart } from './judge-start.ts'
import { productionLabel } from './queue.ts'
import { shardOf } from './run-head.ts'
import { sendSignal } from './signal.ts'
import type { StartRequest } from './start-request.ts'

/** A step that needs assets. */
export interface Waiter {
  readonly run: string
  readonly key: string
  readonly project: string
  readonly needs: readonly AssetNeed[]
  /** Productions that it has waited for and that have ended. */
  readonly rounds: number
}

/** A run that was to make an asset, and is over. */
export interface EndedProduction {
  readonly asset: string
  readonly run: string
  /** Why it made nothing; null: it says that it has. */
  readonly failure: string | null
}

interface Production {
  readonly run: string
  readonly depth: number
}

export interface ReadAsset {
  readonly [member: string]: Json
  readonly name: string
  readonly partition: string
  readonly digest: string
  readonly run: string
  readonly madeAtMs: number
  readonly value: Json
}

export class NeedsSight {
  readonly #project: string
  readonly #newest: ReadonlyMap<string, AssetVersion>
  /** By asset; grown by `start`. */
  readonly #productions: Map<string, Production>
  /** Runs that productions wait for, by production; grown by `start`. */
  readonly #waits: Map<string, Set<string>>

  constructor(
    project: string,
    of: {
      readonly newest: ReadonlyMap<string, AssetVersion>
      readonly productions: Map<string, Production>
      readonly waits: Map<string, Set<string>>
    },
  ) {
    this.#project = project
    this.#newest = of.newest
    this.#productions = of.productions
    this.#waits = of.waits
  }

  plan({ run, needs, rounds }: Waiter, ended: EndedProduction | null, nowMs: number): NeedsPlan {
    const own = rootOf(run)
    const views = needs.map((need) => {
      const asset = assetName(need)
      const { run: by = null } = this.#productions.get(asset) ?? {}
      return {
        need,
        newest: this.#newest.get(asset) ?? null,
        production: by === null ? null : { run: by, isCircle: reaches(this.#waits, by, own) },
        ended: ended?.asset === asset ? ended : null,
      }
    })
    return planNeeds(views, { rounds, depth: this.#depthOf(own) }, nowMs)
  }

  /** Starts what makes these, all or none; gives why it may not. */
  async start(
    tx: Query,
    { run, needs }: Waiter,
    of: {
      readonly produce: readonly AssetNeed[]
      readonly judge: JudgeStart
      readonly nowMs: number
    },
  ): Promise<WorkflowError | null> {
    const own = rootOf(run)
    const requests: { readonly asset: string; readonly request: StartRequest }[] = []
    for (const need of of.produce) {
      if (need.produce === null) continue
      const { input, ...named } = { ...need.produce, project: this.#project }
      const verdict = await of.judge(tx, named)
      if (!verdict.ok) return verdict.error
      const asset = assetName(need)
      const labels = { [productionLabel]: asset }
      requests.push({ asset, request: { ...named, version: verdict.version, input, labels } })
    }
    const depth = this.#depthOf(own) + 1
    for (const { asset, request } of requests) {
      const id = freshRunId(of.nowMs)
      await tx`
        insert into workflow_production (project, asset, run, shard, depth, started_at_ms)
        values (${this.#project}, ${asset}, ${id}, ${shardOf(id)}, ${depth}, ${of.nowMs})`
      await sendSignal(tx, id, { kind: 'start', request: { ...request, id } })
      this.#productions.set(asset, { run: id, depth })
    }
    const makers = needs.flatMap((need) => this.#productions.get(assetName(need))?.run ?? [])
    this.#waits.set(own, new Set([...(this.#waits.get(own) ?? []), ...makers]))
    return null
  }

  /** What the journal gets of assets that are all there. */
  read(needs: readonly AssetNeed[]): ReadAsset[] {
    return needs.flatMap((need) => {
      const version = this.#newest.get(assetName(need))
      if (version === undefined) return []
      const { name, partition, digest, run, madeAtMs, value } = version
      return [{ name, partition, digest, run, madeAtMs, value }]
    })
  }

  #depthOf(root: string): number {
    for (const { run, depth } of this.#productions.values()) if (run === root) return depth
    return 0
  }
}

export async function loadNeedsSight(
  tx: Query,
  project: string,
  waiters: readonly Waiter[],
): Promise<NeedsSight> {
  const needs = new Map(waiters.flatMap((one) => one.needs).map((need) => [assetName(need), need]))
  const newest = await newestVersions(tx, project, [...needs.values()])
  const rows = await tx<(Production & { asset: string })[]>`
    select asset, run, depth from workflow_production where project = ${project}`
  const productions = new Map(rows.map(({ asset, ...production }) => [asset, production]))
  const pairs = await tx<{ run: string; maker: string }[]>`
    select distinct split_part(w.run, '/', 1) as run, p.run as maker
    from workflow_production own
      join workflow_asset_wait w on split_part(w.run, '/', 1) = own.run
      join workflow_production p on p.project = own.project and w.assets @> array[p.asset]
    where own.project = ${project} and w.project = ${project}`
  const waits = new Map<string, Set<string>>()
  for (const { run, maker } of pairs) {
    waits.set(run, (waits.get(run) ?? new Set()).add(maker))
  }
  return new NeedsSight(project, { newest, productions, waits })
}

/** The run that a subflow is a part of: a subflow's id begins with it. */
function rootOf(run: string): string {
  return run.split('/')[0] ?? run
}
