// Run assets
//
// What a task reads of the project's assets before it begins, and the asset that its result becomes. Each is a step of the journal
// of its own: a task sees in every life what it read in the first, and what it made is what is written.

import type { Json } from '../../resource/index.ts'
import type { AssetNeed } from '../asset/index.ts'
import { type AssetNeeded, taskPropertiesOf } from '../document/index.ts'
import { asJson } from './as-json.ts'
import { guarded } from './limit-time.ts'
import { type Done, type Result, type Site, type Stage, turn, withVariables } from './stage.ts'
import { fault } from './workflow-error.ts'

const partitionsMax = 100 // read by one task, of all its assets
const partitionLength = 100
const askedBytesMax = 262_144 // inputs of productions among them: what waits is a row
const valueBytesMax = 32_768 // what is larger is an artifact, and the asset a reference to it

/** Reads what the task needs; what comes next sees it as `$assets`. */
export function withAssets(stage: Stage, site: Site, done: Done, next: (site: Site) => void): void {
  const { needs = [] } = propertiesOf(site)
  if (needs.length === 0) {
    next(site)
    return
  }
  const wanted = needs.map((needed) => ({ needed, ...partitionsIn(stage, site, needed) }))
  const list = wanted.flatMap(({ needed, names }) =>
    names.map((partition) => needOf(stage, site, { needed, partition })),
  )
  if (list.length > partitionsMax) {
    fault('configuration', `a task reads ${partitionsMax} partitions at most, not ${list.length}`)
  }
  const { length } = JSON.stringify(list)
  if (length > askedBytesMax) {
    fault(
      'configuration',
      `what a task asks for has ${length} characters, ${askedBytesMax} at most`,
    )
  }
  stage.act(
    { ...bare(site), scope: turn(site.scope, '!needs') },
    { type: 'need-assets', needs: list },
    (result) => {
      if (!result.ok) {
        done(result)
        return
      }
      const values = Array.isArray(result.output) ? result.output : []
      let at = 0
      const assets = Object.fromEntries(
        wanted.map(({ needed, names, isList }) => {
          const own = names.map((name) => [name, valueIn(values[at++] ?? null)] as const)
          return [needed.asset, isList ? Object.fromEntries(own) : (own[0]?.[1] ?? null)]
        }),
      )
      const scope = { ...site.scope, ...withVariables(site.scope, { assets }) }
      guarded(
        (error) => done({ ok: false, error }),
        () => next({ ...site, scope }),
      )
    },
  )
}

/** Makes the task's result a version of its asset; then the task is done. */
export function makeAsset(
  stage: Stage,
  site: Site,
  result: Extract<Result, { ok: true }>,
  done: Done,
): void {
  const { asset } = propertiesOf(site)
  if (asset === undefined) {
    done(result)
    return
  }
  const { output: value } = result
  const { name } = asset
  const partition =
    asset.partition === undefined
      ? stage.partition
      : partitionOf(stage.expressions.evaluate(asset.partition, value, stage.sight(site, value)))
  const { length } = JSON.stringify(value)
  if (length > valueBytesMax) {
    const most = `${valueBytesMax} at most: beside \`artifact\` it is a reference`
    fault('runtime', `the asset ${name} has ${length} characters, ${most}`)
  }
  const action = { type: 'make-asset', name, partition, value, madeAtMs: stage.nowMs() } as const
  stage.act({ ...bare(site), scope: turn(site.scope, '!asset') }, action, (made) =>
    done(made.ok ? result : made),
  )
}

function propertiesOf({ item }: Site) {
  return item.task.metadata === undefined ? {} : taskPropertiesOf(item.task)
}

/** The task without what it says of its result: that is not the asset's. */
function bare({ item, scope }: Site): Pick<Site, 'item' | 'scope'> {
  return { item: { ...item, task: { ...item.task, metadata: undefined } }, scope }
}

function partitionsIn(
  stage: Stage,
  site: Site,
  { partition }: AssetNeeded,
): { readonly names: readonly string[]; readonly isList: boolean } {
  if (partition === undefined) return { names: [''], isList: false }
  const given = stage.expressions.evaluate(partition, site.input, stage.sight(site))
  if (!Array.isArray(given)) return { names: [partitionOf(given)], isList: false }
  return { names: [...new Set(given.map(partitionOf))], isList: true }
}

function partitionOf(value: Json): string {
  const isName = typeof value === 'string' && value.length > 0 && value.length <= partitionLength
  if (isName && !/\p{Cc}/u.test(value)) return value
  return fault('expression', `${JSON.stringify(value).slice(0, 200)} is no name of a partition`)
}

function needOf(
  stage: Stage,
  site: Site,
  { needed, partition }: { readonly needed: AssetNeeded; readonly partition: string },
): AssetNeed {
  const { asset: name, freshness, produce } = needed
  const about = { name, partition, freshMs: freshness ?? null }
  if (produce === undefined) return { ...about, produce: null }
  const { namespace, name: workflow, version, input } = produce
  const filled = stage.expressions.fill(asJson(input), site.input, stage.sight(site))
  const given = typeof filled === 'object' && filled !== null ? Object.entries(filled) : []
  const own = partition === '' ? {} : { partition }
  const made = {
    namespace,
    name: workflow,
    version,
    input: { ...own, ...Object.fromEntries(given) },
  }
  return { ...about, produce: made }
}

function valueIn(read: Json): Json {
  const isObject = typeof read === 'object' && read !== null && !Array.isArray(read)
  return isObject ? (Object.entries(read).find(([key]) => key === 'value')?.[1] ?? null) : null
}
