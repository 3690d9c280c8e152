// Guard orders
//
// What policy makes of the things that the guards of Routes can find: Cedar is asked for each of them whether it may
// pass as the Route wants, and where it may not, the gateways are told what is done instead. Gateways carry no Cedar.

import {
  type FindingKind,
  type GuardAction,
  type GuardPolicy,
  type GuardSide,
  guardSide,
  guardVerdict,
  kindsOf,
  wantedAction,
} from '@tutti/core/governance'
import type { GuardOrder, Snapshot } from '@tutti/core/routing'
import { emptyContext, type PolicyEngine, type Principal } from '../governance/index.ts'

/** A Route, or the Provider of a server of tools. */
export interface Guarded extends Pick<Snapshot['routes'][number], 'project' | 'guard'> {
  readonly kind: 'Route' | 'Provider'
  readonly resource: string
  /** As gateways call it. */
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
}

type Caller = { readonly key: string; readonly principal: Principal }

/** Empty where every Route has its way. */
export function guardOrders(
  engine: PolicyEngine,
  routes: readonly Guarded[],
  callers: readonly Caller[],
): readonly GuardOrder[] {
  if (!engine.asksFindings) return []
  const guarded = routes.filter(({ guard }) => guard !== undefined)
  return guarded.flatMap((route) => {
    const classes = classesOf(engine, route, callers)
    return guardSide.options.flatMap((side) => ordersOf(engine, { route, side, classes }))
  })
}

/** Those who may call the route, each group alike to all policies. */
function classesOf(
  engine: PolicyEngine,
  route: Guarded,
  callers: readonly Caller[],
): readonly (readonly [Caller, ...Caller[]])[] {
  const classes = new Map<string, [Caller, ...Caller[]]>()
  for (const caller of callers) {
    if (caller.principal.project !== route.project) continue
    const likeness = engine.likenessOf(caller.principal)
    const known = classes.get(likeness)
    if (known === undefined) classes.set(likeness, [caller])
    else known.push(caller)
  }
  return [...classes.values()].filter(([{ principal }]) =>
    engine.permits({ ...questionOf(route, principal), context: emptyContext }),
  )
}

function ordersOf(
  engine: PolicyEngine,
  of: {
    readonly route: Guarded
    readonly side: GuardSide
    readonly classes: readonly (readonly [Caller, ...Caller[]])[]
  },
): readonly GuardOrder[] {
  const { route, side, classes } = of
  const { guard, project, name } = route
  if (guard === undefined) return []
  const everybody = classes.flat().length
  return kindsOf(guard, side).flatMap((kind: FindingKind) => {
    const byAction = new Map<GuardAction, string[]>()
    for (const alike of classes) {
      const permits: GuardPolicy = (asked, at, action) => {
        const finding = { kind: asked, side: at, action }
        const question = questionOf(route, alike[0].principal)
        return engine.permits({ ...question, context: { ...emptyContext, finding } })
      }
      const action = guardVerdict(guard, { kind, side }, permits)
      if (action === wantedAction(guard, kind)) continue
      const keys = alike.map(({ key }) => key)
      byAction.set(action, [...(byAction.get(action) ?? []), ...keys])
    }
    return [...byAction].map(([action, keys]) => ({
      ...{ project, route: name, side, kind, action },
      ...(keys.length === everybody ? {} : { keys: keys.sort() }),
    }))
  })
}

function questionOf({ kind, project, resource, labels }: Guarded, principal: Principal) {
  return { principal, action: 'infer', resource: { kind, project, name: resource, labels } }
}
