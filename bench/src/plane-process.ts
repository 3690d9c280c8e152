// Plane process
//
// A control plane in a process of its own, with what it takes of the machine. Run as a program it is that
// process; `startPlane` starts one.

import { type ChildProcess, fork, type StdioOptions } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { startControlPlane } from '@tutti/control-plane'
import { heapFlags } from '@tutti/control-plane/heap-flags'

export interface PlaneUsage {
  readonly rssBytes: number
  /** Processor time of the process since it started. */
  readonly cpuMs: number
}

export interface PlaneProcess {
  readonly url: string
  /** The admin's key on the first start, else null. */
  readonly admin: string | null
  readonly usage: () => Promise<PlaneUsage>
  readonly kill: () => Promise<void>
  readonly stop: () => Promise<void>
}

interface Started {
  readonly url: string
  readonly admin: string | null
}

const self = fileURLToPath(import.meta.url)

export interface PlaneArguments {
  readonly dataFolder: string
  readonly port: number
  /** PEM key of the publisher that the default project trusts from the first start on. */
  readonly publisher: string
}

/** Starts a control plane; resolves when it answers. */
export async function startPlane(of: PlaneArguments): Promise<PlaneProcess> {
  const stdio: StdioOptions = ['ignore', 'inherit', 'inherit', 'ipc']
  const child = fork(self, [JSON.stringify(of)], { execArgv: [...heapFlags], stdio })
  const ended = once(child, 'exit')
  const started = await Promise.race([answerOf<Started>(child), ended.then(() => null)])
  if (started === null) throw new Error('the control plane ended before it answered')
  return {
    ...started,
    usage: () => {
      const answer = answerOf<PlaneUsage>(child)
      child.send('usage')
      return answer
    },
    kill: async () => {
      child.kill('SIGKILL')
      await ended
    },
    stop: async () => {
      child.kill('SIGTERM')
      await ended
    },
  }
}

async function answerOf<T>(child: ChildProcess): Promise<T> {
  const [message] = await once(child, 'message')
  return message as T
}

async function run({ dataFolder, port, publisher }: PlaneArguments): Promise<void> {
  const plane = await startControlPlane({
    ...{ dataFolder, port, host: '127.0.0.1', version: 'bench' },
    first: { publishers: [{ name: 'bench', pem: publisher }], approvalKey: undefined },
    logLevel: process.env['TUTTI_BENCH_LOG'] ?? 'error',
  })
  process.on('SIGTERM', () => void plane.stop().then(() => process.exit(0)))
  process.on('message', () => {
    const { user, system } = process.cpuUsage()
    const usage: PlaneUsage = {
      rssBytes: process.memoryUsage().rss,
      cpuMs: (user + system) / 1000,
    }
    if (process.env['TUTTI_BENCH_LOG'])
      process.stderr.write(`${JSON.stringify(process.memoryUsage())}\n`)
    process.send?.(usage)
  })
  process.send?.({ url: plane.url, admin: plane.credentials?.admin ?? null } satisfies Started)
}

const [, program, text] = process.argv
if (program === self && text !== undefined) await run(JSON.parse(text))
