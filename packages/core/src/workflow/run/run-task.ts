// Run task
//
// What every task does around its own work: input, condition, extensions, timeout, output, export, and the
// error's place.

import type { Json } from '../../resource/index.ts'
import type { Extension, Schema, TaskItem } from '../document/index.ts'
import { bodies } from './bodies.ts'
import { schemaElsewhere } from './check-schema.ts'
import { guarded, limitTime, type Run } from './limit-time.ts'
import { timeoutMs } from './resolve.ts'
import { makeAsset, withAssets } from './run-assets.ts'
import { noteStep } from './run-compensate.ts'
import { type Done, type Result, type Scope, type Site, type Stage, turn } from './stage.ts'
import { fault, type WorkflowError } from './workflow-error.ts'

export function runTask(
  stage: Stage,
  item: TaskItem,
  at: { readonly scope: Scope; readonly input: Json },
  done: Done,
): void {
  const end: Done = (result) => {
    stage.tellEnd(item, at.scope, result.ok ? null : result.error)
    done(result)
  }
  const fail = (error: WorkflowError) =>
    end({ ok: false, error: { instance: at.scope.reference, ...error } })
  guarded(fail, () => {
    const site = enter(stage, item, at)
    const { task } = item
    const { expressions } = stage
    if (task.if !== undefined && !expressions.isTrue(task.if, site.input, stage.sight(site))) {
      done({ ok: true, output: at.input, next: null })
      return
    }
    stage.tell('started', item, at.scope)
    let ready = site // with the assets that it needs, once they are there
    const finish = (result: Result) => {
      if (!result.ok) fail(result.error)
      else {
        guarded(fail, () => {
          const left = leave(stage, ready, result)
          noteStep(site, left.output)
          makeAsset(stage, ready, left, (made) => (made.ok ? end(made) : fail(made.error)))
        })
      }
    }
    withTimeout(stage, site, finish, (inner, ended) =>
      withAssets(stage, inner, ended, (own) => {
        const { names, values } = own.scope
        ready = { ...site, scope: { ...site.scope, names, values } }
        withExtensions(stage, own, ended)
      }),
    )
  })
}

function enter(
  stage: Stage,
  item: TaskItem,
  { scope, input: given }: { readonly scope: Scope; readonly input: Json },
): Site {
  const input = stage.inputAt(scope.key, given)
  const site = { item, scope, input, startedAtMs: stage.nowMs() }
  const { schema, from } = item.task.input ?? {}
  checkAgainst(stage, schema, input, 'the input')
  if (from === undefined) return site
  return { ...site, input: stage.expressions.transform(from, input, stage.sight(site)) }
}

type Left = Extract<Result, { ok: true }>

function leave(stage: Stage, site: Site, result: Left): Left {
  const { task } = site.item
  const { schema, as } = task.output ?? {}
  let { output } = result
  if (as !== undefined) {
    output = stage.expressions.transform(as, output, stage.sight(site, output))
  }
  checkAgainst(stage, schema, output, 'the output')
  const exported = task.export
  if (exported?.as !== undefined) {
    const context = stage.expressions.transform(exported.as, output, stage.sight(site, output))
    checkAgainst(stage, exported.schema, context, 'the context')
    stage.setContext(context)
  }
  return { ok: true, output, next: result.next ?? task.then ?? null }
}

/** @throws Fault where the value is not what the schema wants. */
export function checkAgainst(
  stage: Stage,
  schema: Schema | undefined,
  value: Json,
  what: string,
): void {
  if (schema === undefined) return
  if (!('document' in schema)) fault('configuration', schemaElsewhere)
  const wrong = stage.checkSchema(schema.document, value)
  if (wrong !== null) fault('validation', `${what} does not fit its schema: ${wrong}`)
}

/** Stops the work, whatever it is at, when its time is over. */
function withTimeout(stage: Stage, site: Site, done: Done, run: Run): void {
  const afterMs = timeoutMs(stage, site)
  if (afterMs === null) {
    run(site, done)
    return
  }
  limitTime(stage, site, afterMs, { run, done })
}

/** Runs the tasks that extensions put before and after the task. */
function withExtensions(stage: Stage, site: Site, done: Done): void {
  const body = bodies[site.item.task.type]
  const chosen = extensionsFor(stage, site)
  if (chosen.length === 0) {
    const fail = (error: WorkflowError) => done({ ok: false, error })
    guarded(fail, () => body(stage, site, done))
    return
  }
  const inExtension = (name: string, side: string) =>
    turn(site.scope, `!${name}/${side}`, { isExtension: true })
  const after = (index: number, result: Result): void => {
    const extension = chosen[index]
    if (extension === undefined || !result.ok) {
      done(result)
      return
    }
    const { after: list = [] } = extension.extension
    stage.runList(list, inExtension(extension.name, 'after'), result.output, (said) =>
      said.ok ? after(index + 1, result) : done(said),
    )
  }
  const before = (index: number): void => {
    const extension = chosen[index]
    if (extension === undefined) {
      guarded(
        (error) => done({ ok: false, error }),
        () => body(stage, site, (result) => after(0, result)),
      )
      return
    }
    const { before: list = [] } = extension.extension
    const scope = inExtension(extension.name, 'before')
    let left = false
    const last = list.at(-1)
    // `exit` leaves the extended task with what the extension has made.
    const marked = list.map((item) =>
      item.task.then === 'exit' ? { ...item, task: { ...item.task, then: 'end' } } : item,
    )
    stage.runList(marked, scope, site.input, (said) => {
      left = said.ok && said.next === 'end' && last !== undefined
      if (!said.ok || left) done(said.ok ? { ...said, next: null } : said)
      else before(index + 1)
    })
  }
  before(0)
}

interface NamedExtension {
  readonly name: string
  readonly extension: Extension
}

function extensionsFor(stage: Stage, site: Site): readonly NamedExtension[] {
  const declared = stage.document.use?.extensions
  if (declared === undefined || site.scope.isExtension) return []
  const all = declared.flatMap((entry) =>
    Object.entries(entry).map(([name, extension]) => ({ name, extension })),
  )
  const { type } = site.item.task
  const isComposite = type === 'do' || type === 'fork'
  return all.filter(({ extension: { extend, when } }) => {
    const fits = extend === 'all' || extend === type || (extend === 'composite' && isComposite)
    if (!fits) return false
    return when === undefined || stage.expressions.isTrue(when, site.input, stage.sight(site))
  })
}
