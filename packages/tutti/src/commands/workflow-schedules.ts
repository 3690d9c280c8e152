// tutti workflow schedules: what starts runs by itself, when it will, and what policy refuses.

import type { Command } from 'commander'
import { clientOf, formatTable, print, printJson } from '../home/index.ts'
import { hintProject } from './hint-absent.ts'
import { type SharedOptions, withExamples, withShared } from './shared-options.ts'

export function addWorkflowSchedules(group: Command): void {
  const schedules = withShared(group.command('schedules')).description(
    'list what starts runs by itself, when it will, and what policy refuses',
  )
  withExamples(schedules, 'tutti workflow schedules')
  schedules.action(async (options: SharedOptions) => {
    const client = clientOf(options)
    const items = await client.schedules()
    if (items.length === 0) await hintProject(client, options)
    if (options.json === true) return printJson(items)
    const rows = items.map(({ workflow, kind, tickAtMs, run, refusal }) => ({
      ...{ workflow, kind },
      next: tickAtMs === null ? nextOf(run) : new Date(tickAtMs).toISOString(),
      refused: refusal === null ? '' : `${refusal.ticks} ticks: ${refusal.reason}`,
    }))
    print(formatTable(['workflow', 'kind', 'next', 'refused'], rows))
  })
}

function nextOf(run: string | null): string {
  return run === null ? 'when events come' : `after ${run}`
}
