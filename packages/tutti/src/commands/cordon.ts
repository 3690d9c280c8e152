// tutti cordon, uncordon: keep new releases and the gateway's traffic away from a node.

import type { Command } from 'commander'
import { clientOf, print, printJson } from '../home/index.ts'
import { describeOutcome } from './describe-outcome.ts'
import { redeclare } from './redeclare.ts'
import { type SharedOptions, withExamples, withShared } from './shared-options.ts'

const verbs = {
  cordon: 'leave a node as it is: no new release, no traffic from the gateway',
  uncordon: 'let a node take releases and traffic again',
} as const

export function addCordon(program: Command): void {
  for (const verb of ['cordon', 'uncordon'] as const) {
    const command = withShared(program.command(verb)).argument('<node>').description(verbs[verb])
    withExamples(command, `tutti ${verb} edge-7`)
    command.action(async (name: string, options: SharedOptions) => {
      const client = clientOf(options)
      const node = await client.get({ kind: 'nodes', name })
      const spec = { ...node.spec, cordoned: verb === 'cordon' }
      const answer = await redeclare(client, node, { plural: 'nodes', spec })
      if (options.json === true) return printJson(answer)
      // What waits for approval has not been done.
      const done = answer.outcome === 'needs-approval' ? '' : `${verb}ed: `
      print(`node/${name} ${done}${describeOutcome(answer)}`)
    })
  }
}
