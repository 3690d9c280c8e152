// OIP route
//
// Which question a method and a path ask, of those that the Open Inference Protocol v2, its extensions
// (repository index, statistics) and Tutti (feedback, healthz) know.

export type OipRoute =
  | { readonly kind: 'healthz' }
  | { readonly kind: 'infer'; readonly model: string; readonly version: string | null }
  | { readonly kind: 'feedback' }
  | { readonly kind: 'index' }
  | OipQuestion

/** What is asked without a body. */
export type OipQuestion =
  | { readonly kind: 'live' | 'ready' | 'metadata' | 'all-stats' }
  | {
      readonly kind: 'model-metadata' | 'model-ready' | 'model-stats'
      readonly model: string
      readonly version: string | null
    }
  | { readonly kind: 'wrong-method'; readonly allow: string }
  | { readonly kind: 'nothing' }

const fixed: Readonly<Record<string, { readonly method: string; readonly route: OipRoute }>> = {
  healthz: { method: 'GET', route: { kind: 'healthz' } },
  v2: { method: 'GET', route: { kind: 'metadata' } },
  'v2/health/live': { method: 'GET', route: { kind: 'live' } },
  'v2/health/ready': { method: 'GET', route: { kind: 'ready' } },
  'v2/models/stats': { method: 'GET', route: { kind: 'all-stats' } },
  'v2/repository/index': { method: 'POST', route: { kind: 'index' } },
  'v2/feedback': { method: 'POST', route: { kind: 'feedback' } },
}

const modelActions = new Map([
  ['', { method: 'GET', kind: 'model-metadata' }],
  ['ready', { method: 'GET', kind: 'model-ready' }],
  ['stats', { method: 'GET', kind: 'model-stats' }],
  ['infer', { method: 'POST', kind: 'infer' }],
] as const)

/** Reads a request line; `url` is what came from the socket. */
export function parseOipRoute(method: string, url: string): OipRoute {
  const path = (url.split('?', 1)[0] ?? '').replace(/^\/|\/$/g, '')
  const known = Object.hasOwn(fixed, path) ? fixed[path] : undefined
  if (known !== undefined) return known.method === method ? known.route : wrong(known.method)
  const segments = path.split('/').map(decodeSegment)
  const [v2, models, model, ...rest] = segments
  if (v2 !== 'v2' || models !== 'models' || model === undefined || model === '') return nothing
  const [versions, version] = rest
  if (versions === 'versions' && version !== undefined && version !== '') {
    return modelRoute(method, { model, version, rest: rest.slice(2) })
  }
  return modelRoute(method, { model, version: null, rest })
}

const nothing: OipRoute = { kind: 'nothing' }

function modelRoute(
  method: string,
  { model, version, rest }: { model: string; version: string | null; rest: readonly string[] },
): OipRoute {
  for (const [name, action] of modelActions) {
    if (rest.join('/') !== name) continue
    return action.method === method ? { kind: action.kind, model, version } : wrong(action.method)
  }
  return nothing
}

function wrong(allow: string): OipRoute {
  return { kind: 'wrong-method', allow }
}

/** The decoded segment; one that is badly encoded names nothing that we have. */
function decodeSegment(segment: string): string {
  try {
    return decodeURIComponent(segment)
  } catch {
    return segment
  }
}
