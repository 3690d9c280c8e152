// Watch resources
//
// Server-sent events: first every resource of the kind (`added`), then each one that changes (`modified`)
// or goes (`deleted`). A client that reads too slowly is cut off and starts again from a list; so is every
// client where the control plane itself may have missed a change, and whoever's key has gone or may not read any more.

import type { Kind } from '@tutti/core/resource'
import type { Context } from 'hono'
import { type SSEStreamingApi, streamSSE } from 'hono/streaming'
import { allResources, loadResource } from '../store/index.ts'
import { type Fence, openFence, whyMayNot } from './authorize.ts'
import type { ApiPorts, Env } from './ports.ts'
import { presentResource } from './present-resource.ts'
import { standingOf } from './standing.ts'

const waitingMax = 1_000 // changes that one slow watcher may lag behind
const keepAliveMs = 15_000

export function watchResources(
  context: Context<Env>,
  ports: ApiPorts,
  of: {
    readonly kind: Kind
    readonly project: string | undefined
  },
): Response {
  const caller = context.get('caller')
  const listed = { kind: of.kind, project: of.project ?? '', name: '' }
  /** What the key may read as it is now; null: nothing any more, or nobody can tell. */
  const fenceOfNow = async (): Promise<Fence | null> => {
    const standing = await standingOf(caller, (one) => whyMayNot(ports, one, 'read', listed))
    return standing.phase === 'holds' ? openFence(ports, standing.principal, of.kind) : null
  }
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
    const mayReadAll = openFence(ports, caller.principal, of.kind)
    for (const one of all) {
      if (of.project !== undefined && one.metadata.project !== of.project) continue
      if (!(await mayReadAll(one.metadata))) continue
      await stream.writeSSE({
        event: 'added',
        data: JSON.stringify(await presentResource(ports, one)),
      })
    }
    while (!stream.aborted) {
      const keys = [...waiting]
      waiting.clear()
      for (const key of keys) await sendOne(stream, ports, { key, fenceOfNow })
      if (waiting.size > 0) continue
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, keepAliveMs)
        wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
      if (waiting.size > 0 || stream.aborted) continue
      if ((await fenceOfNow()) === null) stream.abort()
      else await stream.write(': keep-alive\n\n')
    }
  })
}

async function sendOne(
  stream: Pick<SSEStreamingApi, 'aborted' | 'abort' | 'writeSSE'>,
  ports: ApiPorts,
  of: { readonly key: string; readonly fenceOfNow: () => Promise<Fence | null> },
): Promise<void> {
  if (stream.aborted) return
  const { key } = of
  const [kind = '', project = '', ...rest] = key.split('/')
  const name = rest.join('/')
  const resource = await loadResource(ports.sql, { kind, project, name })
  const mayRead = await of.fenceOfNow()
  if (mayRead === null) return stream.abort()
  if (!(await mayRead(resource?.metadata ?? { project, name, labels: {} }))) return
  const event = resource === null ? 'deleted' : 'modified'
  const data =
    resource === null
      ? { kind, metadata: { project, name } }
      : await presentResource(ports, resource)
  await stream.writeSSE({ event, data: JSON.stringify(data) })
}
