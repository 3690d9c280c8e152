// Summary of
//
// One line on how a resource is.

import type { ResourceAnswer } from '@tutti/sdk'
import { formatAge } from '../home/index.ts'
import { at, countsOf, plainLine, progressOf } from './phase-of.ts'

type Summed = Pick<ResourceAnswer, 'kind' | 'spec' | 'status'>

const targetsShown = 3 // of 64 at most
const reasonShown = 80 // of a line of the table; describe shows it whole

/** One line on how a resource is. */
export function summaryOf({ kind, spec, status }: Summed, nowMs: number): string {
  switch (kind) {
    case 'Node':
      return listOf([
        at(status, 'connected') === true ? `connected, ${runsOf({ status })}` : 'unreachable',
        spec['cordoned'] === true && 'cordoned',
      ])
    case 'Deployment': {
      const progress = progressOf(status, at(status, 'paused'))
      return `${spec['model']} ${progress}: ${countsOf(at(status, 'nodes'))}`
    }
    case 'Rollout':
      return progressOf(status, spec['paused'])
    case 'Approval':
      return `${standingOf({ spec, status }, nowMs)}, asked by ${spec['requestedBy']}`
    case 'Model':
      return spec['signature'] === undefined ? 'unsigned' : 'signed'
    case 'Key':
      return listOf([`${spec['owner']} (${String(spec['roles'])})`, endOf(spec, nowMs)])
    case 'Provider':
      return `${spec['dialect']} at ${spec['baseUrl']}`
    case 'Route':
      return targetsOf(spec)
    case 'Budget': {
      const spent = formatDollars(at(status, 'spentDollars'))
      return `${spent} of ${spec['limitDollars']} dollars, ${spec['window'] ?? 'month'}`
    }
    default:
      return ''
  }
}

function listOf(parts: readonly (string | false | undefined)[]): string {
  return parts.filter((part) => typeof part === 'string').join(', ')
}

/** How an approval stands: nobody signs one whose end is past, though it was never decided. */
function standingOf({ spec, status }: Omit<Summed, 'kind'>, nowMs: number): string {
  const phase = String(at(status, 'phase'))
  if (phase === 'pending' && Number(spec['expiresAtMs']) <= nowMs) return 'expired'
  const reason = at(status, 'reason')
  return reason === null ? phase : `${phase} (${plainLine(reason).slice(0, reasonShown)})`
}

/** When a key ends, if it does. */
function endOf(spec: Summed['spec'], nowMs: number): string | undefined {
  const endMs = spec['expiresAtMs']
  if (typeof endMs !== 'number') return undefined
  return endMs <= nowMs ? 'expired' : `ends in ${formatAge(endMs - nowMs)}`
}

/** Whom a route asks, the first of them by name. */
function targetsOf(spec: Summed['spec']): string {
  const targets: unknown[] = Array.isArray(spec['targets']) ? spec['targets'] : []
  const names = targets.map((target) => {
    const named = at(target, 'deployment') ?? `${at(target, 'provider')}/${at(target, 'model')}`
    return plainLine(named) // a model's name may be anything
  })
  const more = names.length - targetsShown
  return listOf([...names.slice(0, targetsShown), more > 0 && `${more} more`])
}

/** To the millionth: what a single call costs. */
function formatDollars(dollars: unknown): string {
  return String(Math.round(Number(dollars ?? 0) * 1e6) / 1e6)
}

export function runsOf({ status }: Pick<ResourceAnswer, 'status'>): string {
  const told = at(status, 'reports')
  const reports: unknown[] = Array.isArray(told) ? told : []
  // It is idle for each Deployment that does not select it: there may be hundreds.
  const busy = reports.filter((report) => at(at(report, 'state'), 'phase') !== 'idle')
  if (busy.length === 0) return 'runs nothing'
  return busy
    .map((report) => {
      const state = at(report, 'state')
      const reason = at(state, 'message')
      const tail = reason === null ? '' : ` (${String(reason).slice(0, 80)})`
      return `${at(report, 'deployment')} ${at(state, 'phase')}${tail}`
    })
    .join(', ')
}
