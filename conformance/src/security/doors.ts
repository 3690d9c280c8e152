// Doors
//
// Every verb of every server, without credentials, with tokens that fail open elsewhere, and from pages of
// somebody else. After Ray's job API (CVE-2023-48022, and CVE-2026-27482: DELETE from a foreign page),
// Ollama's open port, and LocalAI's file server that took an empty token.

import { kindNames, kinds } from '@tutti/core/resource'
import { type Attack, ask, bearer } from './attack.ts'

interface Door {
  readonly server: string
  readonly url: string
  readonly key: string
  readonly paths: readonly string[]
}

const verbs = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE'] as const

export async function tryDoors({ fleet, scoring }: Attack): Promise<void> {
  for (const door of doorsOf(fleet)) {
    await tryWithoutCredentials(door, scoring)
    await tryForeignPages(door, scoring)
    const open = await ask(`${door.url}/healthz`)
    scoring.check(open.status === 200, `${door.server}: /healthz answers ${open.status}`)
    const said = open.body.replace(/[{}"\s]/g, '')
    scoring.check(said.length < 20, `${door.server}: /healthz tells strangers ${open.body}`)
  }
}

function doorsOf(fleet: Attack['fleet']): Door[] {
  const [node] = fleet.nodes
  const plurals = kindNames.map((kind) => `/api/v1/${kinds[kind].plural}`)
  const apis = ['tokens', 'whoami', 'openapi.json', 'snapshot', 'ledger/checkpoint']
  const models = ['/v2', '/v2/models/parts', '/v2/models/parts/infer', '/v2/repository/index']
  return [
    {
      ...{ server: 'control plane', url: fleet.url, key: fleet.key },
      paths: [
        ...plurals.flatMap((path) => [path, `${path}/nobody`]),
        ...apis.map((name) => `/api/v1/${name}`),
        `/api/v1/blobs/sha256:${'0'.repeat(64)}`,
        ...['/api/v1/approvals/a/approve', '/api/v1/ledger/entries', '/metrics', '/', '/api/v1'],
      ],
    },
    {
      ...{ server: 'gateway', url: fleet.gateway, key: fleet.key },
      paths: [...models, '/v1/models', '/v1/chat/completions', '/v1/messages', '/v1/feedback'],
    },
    {
      ...{ server: 'node', url: node?.url ?? '', key: node?.key ?? '' },
      paths: [...models, '/v2/health/ready', '/v2/models/parts/stats', '/v1/feedback', '/'],
    },
  ]
}

// What a client sends whose key is unset, and what a careless server takes for a key.
const failOpen: readonly Readonly<Record<string, string>>[] = [
  {},
  { authorization: '' },
  { authorization: 'Bearer' },
  { authorization: 'Bearer ' },
  { authorization: 'Bearer undefined' },
  { authorization: 'Bearer null' },
  { authorization: 'Bearer *' },
  { authorization: 'Bearer tutti' },
  { authorization: 'Bearer changeme' },
  { authorization: `Bearer sha256:${'0'.repeat(64)}` },
  { authorization: 'Basic YWRtaW46YWRtaW4=' },
  { 'x-api-key': '' },
  { cookie: 'session=admin' },
  { 'x-forwarded-for': '127.0.0.1', 'x-real-ip': '127.0.0.1' },
]

async function tryWithoutCredentials(door: Door, scoring: Attack['scoring']): Promise<void> {
  for (const method of verbs) {
    const open: string[] = []
    for (const path of door.paths) {
      const tokens = method === 'GET' || method === 'POST' ? failOpen : failOpen.slice(0, 1)
      for (const headers of tokens) {
        const { status } = await ask(`${door.url}${path}`, { method, headers })
        if (status !== 401 && status !== 0) {
          open.push(`${path} with ${JSON.stringify(headers)}: ${status}`)
        }
      }
    }
    scoring.check(
      open.length === 0,
      `${door.server}: ${method} without a key, not 401: ${open.slice(0, 3).join('; ')}`,
    )
  }
}

/** With the right key even: a browser that was lured here may hold it. */
async function tryForeignPages(door: Door, scoring: Attack['scoring']): Promise<void> {
  const port = new URL(door.url).port
  const lures: readonly Readonly<Record<string, string>>[] = [
    { origin: 'https://evil.example' },
    { origin: 'null' },
    { origin: 'http://localhost.evil.example' },
    { host: `evil.example:${port}` }, // DNS rebinding
    { host: `127.0.0.1.evil.example:${port}` },
  ]
  for (const lure of lures) {
    const open: string[] = []
    for (const method of verbs) {
      for (const path of door.paths.slice(0, 6)) {
        const headers = { ...bearer(door.key), ...lure }
        const { status } = await ask(`${door.url}${path}`, { method, headers })

        if (![0, 403].includes(status)) open.push(`${method} ${path}: ${status}`)
      }
    }
    const from = JSON.stringify(lure)
    scoring.check(
      open.length === 0,
      `${door.server}: from ${from} not refused: ${open.slice(0, 3).join('; ')}`,
    )
  }
}
