// npm run bench -- NAME: how fast Tutti is, and against what. Without NAME it lists them.

import { distribution } from './distribution.ts'
import { fleetScale } from './fleet-scale.ts'
import { gate } from './gate.ts'
import { gatewayJson, gatewayPrompt } from './gateway-json.ts'
import { gatewayRouting } from './gateway-routing.ts'
import { gatewayStream } from './gateway-stream.ts'
import { jq } from './jq.ts'
import { ledger } from './ledger.ts'
import { rollout } from './rollout.ts'
import { serving } from './serving.ts'
import { start } from './start.ts'
import { workflow } from './workflow.ts'
import { workflowArtifact } from './workflow-artifact.ts'
import { workflowRecovery } from './workflow-recovery.ts'

const benches: Readonly<
  Record<string, { readonly about: string; readonly run: () => Promise<void> }>
> = {
  start: {
    about: 'tutti up to the first inference through the gateway, cold and warm',
    run: start,
  },
  jq: { about: 'small expressions of workflows against the same by hand', run: jq },
  distribution: {
    about: '50 nodes of a site pull 100 MB: copies over the uplink, with deaths',
    run: distribution,
  },
  'fleet-scale': {
    about: '10,000 nodes on one control-plane process: memory, idle, fan-out, after a kill',
    run: fleetScale,
  },
  gate: { about: 'a worse release caught, a good one let pass: Monte Carlo', run: gate },
  rollout: { about: '1,000 nodes in three stages, one rollout and a hundred', run: rollout },
  workflow: { about: 'durable runs of three steps against DBOS and plain commits', run: workflow },
  'workflow-artifact': {
    about: 'an artifact of 1 GB through three steps: what the journal grows',
    run: workflowArtifact,
  },
  'workflow-recovery': {
    about: 'pending runs after a kill, taken over, and a hundred thousand that wait',
    run: workflowRecovery,
  },
  'gateway-json': {
    about:
      'CPU per request of 1 KB, everything on, between nginx and Portkey; memory in a long run',
    run: gatewayJson,
  },
  'gateway-prompt': {
    about:
      'the same with prompts of 100 KB, with guard and cache too, and how long the loop is held up',
    run: gatewayPrompt,
  },
  'gateway-stream': {
    about: 'two hundred streams of fifty events a second, beside nginx',
    run: gatewayStream,
  },
  'gateway-routing': {
    about: 'prefix-cache-aware routing on a public trace, against round robin',
    run: gatewayRouting,
  },
  serving: { about: 'hot swaps under load, and what batching is worth', run: serving },
  ledger: { about: 'durable appends through the log, from append to signed', run: ledger },
}

const [name] = process.argv.slice(2)
const bench = name === undefined ? undefined : benches[name]
if (bench !== undefined) await bench.run()
else {
  if (name !== undefined) process.stderr.write(`there is no bench ${name}\n`)
  for (const [key, { about }] of Object.entries(benches))
    process.stdout.write(`${key.padEnd(12)} ${about}\n`)
  process.exitCode = name === undefined ? 0 : 1
}
