// Run human
//
// `tutti.human`: somebody fills in a form. `with` has `title`, `form` (a JSON Schema), `assignee.role`, `signed`, `deadline`, past which
// it is a timeout error, and `escalation`: who is asked next, each after so long.
//
//   H1. One role is asked at a time: who was asked before cannot answer any more.
//   H2. An answer that does not fit the form, or is not signed where it must be, is an error of the task.

import type { Json } from '../../resource/index.ts'
import { asJson } from './as-json.ts'
import { guarded, limitTime } from './limit-time.ts'
import { millisecondsOf } from './resolve.ts'
import { type Body, type Done, type Site, type Stage, turn } from './stage.ts'
import { taskOf } from './task-of.ts'
import { fault, standardError } from './workflow-error.ts'

type Members = { readonly [key: string]: Json }

const escalationsMax = 10 // roles above roles

export const runHuman: Body = (stage, site, done) => {
  const { with: given } = taskOf(site, 'call')
  const args = membersOf(stage.expressions.fill(asJson(given ?? {}), site.input, stage.sight(site)))
  const { deadline, escalation = [], ...asked } = args
  if (!Array.isArray(escalation) || escalation.length > escalationsMax) {
    fault('configuration', `escalation is a list of ${escalationsMax} roles at most`)
  }
  const levels = Array.isArray(escalation) ? escalation.map(membersOf) : []
  const answered: Done = (result) => {
    const wrong = result.ok ? whyNot(stage, asked, result.output) : null
    if (wrong === null) done(result)
    else done({ ok: false, error: standardError('validation', wrong) })
  }
  const ask = (inner: Site, ended: Done) => askLevel(stage, inner, { asked, levels }, ended)
  if (deadline === undefined) ask(site, answered)
  else limitTime(stage, site, millisecondsOf(stage, site, deadline), { run: ask, done: answered })
}

/** H2 */
function whyNot(stage: Stage, { form = null, signed }: Members, output: Json): string | null {
  const { answer = null, signed: signature } = membersOf(output)
  const wrong = form === null ? null : stage.checkSchema(form, answer)
  if (wrong !== null) return `the answer does not fit: ${wrong}`
  return signed === true && signature === undefined ? 'the answer is not signed' : null
}

interface Asking {
  readonly asked: Members
  /** Who is asked after the one that is asked now. */
  readonly levels: readonly Members[]
}

function askLevel(stage: Stage, site: Site, { asked, levels }: Asking, done: Done): void {
  const [next, ...rest] = levels
  const action = { type: 'function', name: 'tutti.human', arguments: asked } as const
  if (next === undefined) {
    stage.act(site, action, done)
    return
  }
  const { role, after = null } = next
  if (typeof role !== 'string') fault('configuration', 'an escalation names a role')
  const { scope } = site
  const clock = turn(scope, '!escalation')
  stage.wait(clock, stage.nowMs() + millisecondsOf(stage, site, after), () => {
    stage.cancel(scope.key) // H1
    const higher = {
      ...asked,
      assignee: { ...membersOf(asked['assignee'] ?? null), role: role ?? null },
    }
    const above = { ...site, scope: turn(scope, '!above') }
    guarded(
      (error) => done({ ok: false, error }),
      () => askLevel(stage, above, { asked: higher, levels: rest }, done),
    )
  })
  stage.act(site, action, (result) => {
    stage.cancel(clock.key)
    done(result)
  })
}

function membersOf(value: Json): Members {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
  return isObject ? Object.fromEntries(Object.entries(value)) : {}
}
