// Tool route
//
// The Route that stands for a server of tools: the name under which its calls are counted, limited and paid, with the
// rules of its Provider. Nobody is asked over it.

import { routeSpec, toolRoute } from '@tutti/core/routing'
import type { RouteEntry, ToolServerEntry } from '../routing/index.ts'

const routes = new Map<string, RouteEntry>()
const byServer = new WeakMap<ToolServerEntry, RouteEntry>()
const routesMax = 10_000

/** The name under which calls are counted. */
export function routeOf(project: string, server: string): RouteEntry {
  const id = `${project}/${server}`
  const known = routes.get(id)
  if (known !== undefined) return known
  if (routes.size >= routesMax) routes.clear()
  const spec = routeSpec.parse({ targets: [{ provider: 'mcp', model: 'mcp' }] })
  const made = { name: toolRoute(server), project, ...spec }
  routes.set(id, made)
  return made
}

/** The same with what one snapshot's server has of its own. */
export function routeOfServer(entry: ToolServerEntry): RouteEntry {
  const known = byServer.get(entry)
  if (known !== undefined) return known
  const { project, name, guard, bodies } = entry
  const made = {
    ...routeOf(project, name),
    ...(guard === undefined ? {} : { guard }),
    ...(bodies === undefined ? {} : { bodies }),
  }
  byServer.set(entry, made)
  return made
}
