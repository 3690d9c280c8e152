// Watch resources
//
// Server-sent events: first every resource of the kind (`added`), then each one that changes (`modified`)
// or goes (`deleted`). A client that reads too slowly is cut off and starts again from a list; so is every
// client where the control plane itself may have missed a change.

import type { Kind } from '@tutti/core/kinds'
import type { Context } from 'hono'
import { streamSSE } from 'hono/streaming'
import { allResources, loadResource } from '../store/index.ts'
import type { Fence } from './authorize.ts'
import type { ApiPorts, Env } from './ports.ts'
import { presentResource } from './present-resource.ts'

const waitingMax = 1_000 // changes that one slow watcher may lag behind
const keepAliveMs = 15_000

export function watchResources(
  context: Context<Env>,
  ports: ApiPorts,
  of: {
    readonly kind: Kind
    readonly project: string | undefined
    readonly mayRead: Fence
  },
): Response {
  return streamSSE(context, async (stream) => {
    const waiting = new Set<string>() // names that changed and were not sent yet
    let wake: () => void = () => {}
    const onNews = (key: string) => {
      const [kind, project] = key.split('/', 2)
      if (kind !== of.kind || (of.project !== undefined && project !== of.project)) return
      waiting.add(key)
      if (waiting.size > waitingMax) stream.abort()
      wake()
    }
    const stop = ports.news.subscribe('resource', { onNews, onGap: () => stream.abort() })
    stream.onAbort(() => {
      stop()
      wake()
    })
    const all = await allResources(ports.sql, of.kind)
    for (const one of all) {
      if (of.project !== undefined && one.metadata.project !== of.project) continue
      if (!(await of.mayRead(one.metadata))) continue
      await stream.writeSSE({
        event: 'added',
        data: JSON.stringify(await presentResource(ports, one)),
      })
    }
    while (!stream.aborted) {
      const keys = [...waiting]
      waiting.clear()
      for (const key of keys) {
        await sendOne(stream, ports, { key, mayRead: of.mayRead })
      }
      if (waiting.size > 0) continue
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, keepAliveMs)
        wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
      if (waiting.size === 0 && !stream.aborted) await stream.write(': keep-alive\n\n')
    }
  })
}

async function sendOne(
  stream: { readonly writeSSE: (message: { event: string; data: string }) => Promise<void> },
  ports: ApiPorts,
  { key, mayRead }: { readonly key: string; readonly mayRead: Fence },
): Promise<void> {
  const [kind = '', project = '', ...rest] = key.split('/')
  const name = rest.join('/')
  const resource = await loadResource(ports.sql, { kind, project, name })
  if (!(await mayRead(resource?.metadata ?? { project, name, labels: {} }))) return
  const event = resource === null ? 'deleted' : 'modified'
  const data =
    resource === null
      ? { kind, metadata: { project, name } }
      : await presentResource(ports, resource)
  await stream.writeSSE({ event, data: JSON.stringify(data) })
}
