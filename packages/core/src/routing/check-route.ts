// Check route
//
// What a Route's schema cannot see: whether its parts go together.

import type { Finding } from '../resource/index.ts'
import type { RouteSpec } from './route.ts'

/** Findings; empty where all holds. `whyNoCondition` says what is wrong with an expression. */
export function checkRoute(
  { targets, experiment }: RouteSpec,
  whyNoCondition: (text: string) => string | null,
): Finding[] {
  const arms = Object.keys(experiment?.arms ?? {})
  const findings = targets.flatMap(({ when, arm }, i): Finding[] => {
    const why = when === undefined ? null : whyNoCondition(when)
    const isUnknown = arm !== undefined && !arms.includes(arm)
    const known = arms.length === 0 ? 'the route has no experiment' : `there are ${arms.join(', ')}`
    return [
      ...(why === null ? [] : [{ path: `spec.targets.${i}.when`, message: why }]),
      ...(isUnknown ? [{ path: `spec.targets.${i}.arm`, message: `no arm ${arm}: ${known}` }] : []),
    ]
  })
  const isAnswered = (arm: string) =>
    targets.some((one) => one.arm === undefined || one.arm === arm)
  for (const arm of arms) {
    if (isAnswered(arm)) continue
    findings.push({ path: `spec.experiment.arms.${arm}`, message: 'no target answers for it' })
  }
  return findings
}
