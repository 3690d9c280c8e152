// Proxy plane
//
// What the gateways of the benches need of a control plane: one signed snapshot, leases, and somebody who takes their
// counts. In a process of its own, so that what a gateway takes and holds is the gateway's alone.

import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage } from 'node:http'
import { guardSpec } from '@tutti/core/governance'
import { canonicalJson, signingPrefix } from '@tutti/core/resource'
import { routeSpec, type Snapshot } from '@tutti/core/routing'
import { didKeyOf, newPrivateKey, signText } from '@tutti/ledger'
import { benchKey } from './proxy-bed.ts'

/** Plain, or with a guard and a semantic cache too. */
export function startPlane(engineUrl: string, isPlain: boolean): void {
  const signer = newPrivateKey()
  const payload = canonicalJson(snapshotOf(engineUrl, isPlain))
  const signature = signText(signer, signingPrefix.snapshot, payload)
  const signed = JSON.stringify({ payload, signature })
  const plane = createServer(async (request, response) => {
    if (request.url === '/api/v1/usage') return response.end('{}')
    if (request.url === '/api/v1/leases') return response.end(await leasesFor(request))
    if (request.method === 'POST') return response.writeHead(404).end()
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    return void response.write(`event: snapshot\ndata: ${signed}\n\n`)
  })
  plane.listen(0, '127.0.0.1', () => {
    const address = plane.address()
    const port = typeof address === 'object' && address !== null ? address.port : 0
    process.send?.({ url: `http://127.0.0.1:${port}`, publicKey: didKeyOf(signer) })
  })
}

/** Whatever is asked for. */
async function leasesFor(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk)
  const asked: { wanted: { project: string; budget: string; nanos: number }[] } = JSON.parse(
    Buffer.concat(chunks).toString('utf8'),
  )
  const granted = asked.wanted.map(({ project, budget, nanos }) => {
    return { project, budget, nanos, lease: 'one', untilMs: 1e15 }
  })
  return JSON.stringify({ granted, unknown: [] })
}

/** Everything on: key, limits, budget, price, record. */
function snapshotOf(engineUrl: string, isPlain: boolean): Snapshot {
  const hash = `sha256:${createHash('sha256').update(benchKey).digest('hex')}`
  const price = { inputPerMillion: 0.15, outputPerMillion: 0.6 }
  const limits = { requestsPerMinute: 1e9, tokensPerMinute: 1e12, concurrent: 100_000 }
  const target = { provider: 'engine', model: 'm', price, contextTokens: 8_192 }
  const full = {
    guard: guardSpec.parse({
      detect: ['email', 'phone', 'card', 'iban', 'ssn', 'secret', 'injection'],
      blocklist: ['Project Nightjar', 'Project Robin'],
    }),
    cache: { ttlS: 60, semantic: { route: 'embed', threshold: 0.95 } },
  }
  const more = isPlain ? {} : full
  return {
    ...{ format: 'tutti/snapshot/v1', sequence: 1, issuedAtMs: 1, deployments: [] },
    keys: [{ id: 'bench', hash, project: 'default', owner: 'bench', limits }],
    routes: [
      {
        ...{ name: 'm', project: 'default' },
        ...routeSpec.parse({ targets: [target], ...more }),
      },
      { ...{ name: 'embed', project: 'default' }, ...routeSpec.parse({ targets: [target] }) },
    ],
    providers: [
      {
        ...{ name: 'engine', project: 'default', dialect: 'openai', baseUrl: `${engineUrl}/v1` },
        ...{ allowPrivateNetwork: true, apiKey: 'k' },
      },
    ],
    budgets: [{ name: 'all', project: 'default', limitDollars: 1_000_000, window: 'total' }],
    servingToken: 't',
  }
}
