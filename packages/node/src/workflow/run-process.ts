// Run process
//
// Runs one script or command of a workflow: in a folder of its own that is gone afterwards, with nothing in its environment but what
// it is given, for a bounded time, with bounded memory and output. What it started ends with it.
//
//   E1. Nothing of the node's environment reaches it.

import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ProcessOrder, ProcessOutcome } from '@tutti/core/workflow'
import type { ProcessPorts } from './process-ports.ts'
import { runContainer } from './run-container.ts'
import { shellLine } from './shell-line.ts'
import { watchProcess } from './watch-process.ts'

export async function runProcess(
  order: ProcessOrder,
  ports: ProcessPorts,
): Promise<ProcessOutcome> {
  const folder = await mkdtemp(join(tmpdir(), 'tutti-process-'))
  try {
    if (order.kind === 'container') return await runContainer(order, ports, folder)
    const command = await commandOf(order, ports, folder)
    if (command === null) return failed(`there is no ${order.language} here`)
    const { limits, signal } = ports
    const env = { ...order.environment } // E1
    const about = { env, folder, stdin: order.stdin, limits, signal }
    return await watchProcess(command, { ...about, isMeasured: true, onEnd: () => {} })
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function commandOf(
  order: ProcessOrder,
  { interpreters, limits }: ProcessPorts,
  folder: string,
): Promise<readonly [string, ...string[]] | null> {
  const { kind, language, text, arguments: words } = order
  if (kind === 'shell') {
    return ['/bin/sh', '-c', shellLine(text, words), 'sh', ...words]
  }
  const program = language === null ? undefined : interpreters[language]
  if (program === undefined) return null
  const path = join(folder, language === 'python' ? 'script.py' : 'script.mjs')
  await writeFile(path, text, { mode: 0o600 })
  if (language === 'python') return [program, '-I', path, ...words]
  const heapMb = Math.floor(limits.memoryBytes / 2 ** 20)
  return [program, `--max-old-space-size=${heapMb}`, path, ...words]
}

function failed(failure: string): ProcessOutcome {
  return { code: null, stdout: '', stderr: '', failure }
}
