// App
//
// The HTTP face of the control plane: who may come in, how much they may send, and which file answers.

import { Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { refuse } from './answer.ts'
import { mountApprovals } from './approvals.ts'
import { authenticate, checkOrigin } from './authenticate.ts'
import { mountBlobs } from './blobs.ts'
import { describeFailed } from './describe-failed.ts'
import { mountGateways } from './gateways.ts'
import { mountJoin } from './join.ts'
import { mountLeases } from './leases.ts'
import { mountLedger } from './ledger.ts'
import { mountMetrics } from './metrics.ts'
import { mountOpenapi } from './openapi.ts'
import type { ApiPorts, Env } from './ports.ts'
import { mountProcesses } from './processes.ts'
import { mountRelays } from './relays.ts'
import { mountRequests } from './requests.ts'
import { mountResources } from './resources.ts'
import { mountSnapshot } from './snapshot.ts'
import { mountSources } from './sources.ts'
import { mountStoredResponses } from './stored-responses.ts'
import { mountUsage } from './usage.ts'
import { mountWatch } from './watch-run.ts'
import { mountAssets } from './workflow-assets.ts'
import { mountLifecycle } from './workflow-lifecycle.ts'
import { mountLineage } from './workflow-lineage.ts'
import { mountRuns } from './workflow-runs.ts'
import { mountSchedules } from './workflow-schedules.ts'
import { mountSteering } from './workflow-steering.ts'
import { mountTasks } from './workflow-tasks.ts'
import { mountUpgrade } from './workflow-upgrade.ts'

const documentBytesMax = 4 * 2 ** 20 // the largest resource is a Model with some thousand files

export function makeApp(ports: ApiPorts): Hono<Env> {
  const app = new Hono<Env>()
  app.use(checkOrigin(ports))
  app.get('/healthz', (context) => context.json({ status: 'ok' }))
  app.use((context, next) =>
    /%00/.test(context.req.url) // no name holds NUL, nor can Postgres
      ? Promise.resolve(refuse(context, 'api/invalid', 'the address holds a NUL byte'))
      : next(),
  )
  app.use(authenticate(ports))
  const limit = bodyLimit({
    maxSize: documentBytesMax,
    onError: (context) =>
      refuse(context, 'api/too-large', `a document may have ${documentBytesMax} bytes at most`),
  })
  app.use((context, next) =>
    context.req.path.startsWith('/api/v1/blobs/') ? next() : limit(context, next),
  )
  app.get('/api/v1/whoami', (context) => {
    const { principal } = context.get('caller')
    const { controlPlane, log } = ports.identity
    const ledger = log.verifier.vkey
    const { version } = ports
    return context.json({ principal, controlPlane, ledger, version, nowMs: ports.nowMs() })
  })
  mountJoin(app, ports)
  mountBlobs(app, ports)
  mountSources(app, ports)
  mountLedger(app, ports)
  mountApprovals(app, ports)
  mountSnapshot(app, ports)
  mountGateways(app, ports)
  mountLeases(app, ports)
  mountUsage(app, ports)
  mountStoredResponses(app, ports)
  mountRequests(app, ports)
  mountRelays(app, ports)
  mountOpenapi(app, ports.version)
  mountMetrics(app, ports)
  mountRuns(app, ports)
  mountSteering(app, ports)
  mountUpgrade(app, ports)
  mountSchedules(app, ports)
  mountLineage(app, ports)
  mountLifecycle(app, ports)
  mountAssets(app, ports)
  mountWatch(app, ports)
  mountProcesses(app, ports)
  // Imported when somebody asks: the SDK costs a fifth of a second and 20 MB.
  app.all('/api/v1/mcp', async (context) => (await import('./mcp.ts')).serveMcp(context, ports))
  mountTasks(app, ports)
  mountResources(app, ports)
  app.notFound((context) =>
    refuse(context, 'api/not-found', `nothing answers ${context.req.method} ${context.req.path}`),
  )
  app.onError((error, context) => {
    ports.log.error({ error, path: context.req.path }, 'a request failed')
    const { code, message } = describeFailed(error)
    return refuse(context, code, message)
  })
  return app
}
