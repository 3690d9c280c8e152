// Site process
//
// Some nodes of one site, real ones, in a process of their own: it can be killed with all of them. Run as a
// program it is that process; `startSite` starts one.

import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { joinControlPlane, type RunningNode, startNode } from '@tutti/node'

export interface SiteArguments {
  readonly folder: string
  readonly url: string
  readonly tokens: readonly string[]
  /** Names are this and a number. */
  readonly prefix: string
  readonly shareBytesPerSecond: number
}

export interface SiteProcess {
  /** Nodes that have committed a release of this model version. */
  readonly committed: (version: string) => number
  readonly kill: () => Promise<void>
}

type Told = { readonly ready: true } | { readonly committed: string }

const self = fileURLToPath(import.meta.url)

/** Starts the nodes; resolves when all of them run. */
export async function startSite(of: SiteArguments): Promise<SiteProcess> {
  const child: ChildProcess = fork(self, [JSON.stringify(of)], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const ended = once(child, 'exit')
  const counts = new Map<string, number>()
  const ready = new Promise<void>((resolve) => {
    child.on('message', (told: Told) => {
      if ('ready' in told) resolve()
      else counts.set(told.committed, (counts.get(told.committed) ?? 0) + 1)
    })
  })
  await Promise.race([
    ready,
    ended.then(() => Promise.reject(new Error('the nodes ended before they ran'))),
  ])
  return {
    committed: (version) => counts.get(version) ?? 0,
    kill: async () => {
      child.kill('SIGKILL')
      await ended
    },
  }
}

async function run(of: SiteArguments): Promise<void> {
  const nodes: RunningNode[] = []
  const tell = (told: Told) => process.send?.(told)
  for (const [i, token] of of.tokens.entries()) {
    const folder = `${of.folder}/${of.prefix}${i}`
    await joinControlPlane({ folder, name: `${of.prefix}${i}`, token, url: of.url, labels: {} })
    const node = await startNode({
      ...{ folder, host: '127.0.0.1', port: 0, version: 'bench', threads: 1 },
      shareBytesPerSecond: of.shareBytesPerSecond,
      log: (event, fields) => {
        if (event === 'committed') tell({ committed: String(fields['version']) })
        if (process.env['TUTTI_BENCH_LOG'])
          process.stderr.write(`${event} ${JSON.stringify(fields)}\n`)
      },
    })
    nodes.push(node)
  }
  tell({ ready: true })
}

const [, program, text] = process.argv
if (program === self && text !== undefined) await run(JSON.parse(text))
