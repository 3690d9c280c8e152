// Run container
//
// Runs one container of a workflow: from an image whose content is settled before, without a network, without rights, on a file system
// that it cannot write to but for a small /tmp, with bounded memory, processor, processes and files.
//
//   C1. What runs is the content that is recorded, whatever the image's name is given to meanwhile.
//   C2. It ends whole, by its name: when its time is over, when it is not wanted, and when the node begins anew.
//   C3. What it is given reaches it alone: not the runtime's own environment, nor its command line, where others could read it.

import { createHash } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ProcessOrder, ProcessOutcome } from '@tutti/core/workflow'
import {
  type ContainerRuntime,
  inspectContainer,
  leftContainers,
  removeContainer,
  resolveImage,
} from './container-runtime.ts'
import type { ProcessPorts } from './process-ports.ts'
import { shellLine } from './shell-line.ts'
import { watchProcess } from './watch-process.ts'

const processesMax = 256
const filesMax = 1_024
const temporaryBytes = 64 * 2 ** 20
const cpus = 1 // beside what the node serves
const killedCode = 137 // 128 and SIGKILL
const saidMax = 1_000 // of why it did not begin

export async function runContainer(
  order: ProcessOrder,
  { containers: runtime, limits, signal }: ProcessPorts,
  folder: string,
): Promise<ProcessOutcome> {
  const { container: wanted, environment } = order
  if (runtime === null || wanted === undefined) return failed('nothing here runs containers')
  const unsaid = Object.entries(environment).find(([, value]) => /[\r\n]/.test(value))
  if (unsaid !== undefined) return failed(`${unsaid[0]}: a container is given lines of text only`)
  const image = await resolveImage(runtime, wanted, signal)
  if (!image.ok) return failed(image.reason)
  const file = join(folder, 'environment')
  const lines = Object.entries(environment).map(([name, value]) => `${name}=${value}\n`)
  await writeFile(file, lines.join(''), { mode: 0o600 }) // C3
  const name = nameOf(order)
  const words = [
    ...['run', '--interactive', '--name', name, '--label', labelOf(order.node)],
    ...['--env-file', file, ...boundsOf(runtime, limits)],
    ...commandOf(order, image.id), // C1
  ]
  try {
    const said = await watchProcess([runtime.name, ...words], {
      ...{ env: ownEnvironment(), folder, stdin: order.stdin, limits, signal },
      isMeasured: false,
      onEnd: () => void removeContainer(runtime, name), // C2
    })
    if (said.failure !== null) return { ...said, image: image.pinned }
    const { code, isOutOfMemory } = await inspectContainer(runtime, name)
    if (code === null) return failed(`it did not begin: ${said.stderr.trim().slice(-saidMax)}`)
    // Not every runtime tells who was killed for his memory.
    const isKilled = isOutOfMemory || code === killedCode
    const what = isOutOfMemory ? 'it took' : 'it was killed, as is what takes'
    const failure = isKilled ? `${what} more than ${limits.memoryBytes} bytes of memory` : null
    return { ...said, code: isKilled ? null : code, failure, image: image.pinned }
  } finally {
    await removeContainer(runtime, name) // C2
  }
}

/** Ends what a life before has left. C2 */
export async function removeLeft(runtime: ContainerRuntime, node: string): Promise<void> {
  for (const id of await leftContainers(runtime, labelOf(node))) await removeContainer(runtime, id)
}

function nameOf({ id, expiresAtMs }: ProcessOrder): string {
  const hash = createHash('sha256').update(`${id} ${expiresAtMs}`).digest('hex')
  return `tutti-${hash.slice(0, 32)}`
}

function labelOf(node: string): string {
  return `tutti.node=${node}`
}

function boundsOf(
  { name }: ContainerRuntime,
  { memoryBytes, timeMs }: ProcessPorts['limits'],
): readonly string[] {
  const bounds = [
    ...['--pull', 'never', '--network', 'none', '--cap-drop', 'ALL'],
    ...['--security-opt', 'no-new-privileges', '--read-only'],
    ...['--tmpfs', `/tmp:rw,size=${temporaryBytes}`],
    ...['--memory', String(memoryBytes), '--memory-swap', String(memoryBytes)],
    ...['--cpus', String(cpus), '--pids-limit', String(processesMax)],
    ...['--ulimit', `nofile=${filesMax}:${filesMax}`],
    ...['--ulimit', `nproc=${filesMax}:${filesMax}`],
  ]
  if (name === 'nerdctl') return bounds
  const logged = [...bounds, '--log-driver', 'none'] // what it says is read, not kept
  if (name === 'docker') return logged
  const seconds = Math.ceil(timeMs / 1_000) + 1 // also where the node is gone by then
  const own = ['--http-proxy=false', '--read-only-tmpfs=false', '--timeout', String(seconds)]
  return [...logged, ...own]
}

/** The image's own program, or a command for its shell. */
function commandOf({ text, arguments: words }: ProcessOrder, image: string): readonly string[] {
  if (text === '') return [image, ...words]
  return ['--entrypoint', '/bin/sh', image, '-c', shellLine(text, words), 'sh', ...words]
}

/** The runtime's command line needs the node's environment; the container gets nothing of it. */
function ownEnvironment(): Readonly<Record<string, string>> {
  const pairs = Object.entries(process.env).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value] as const],
  )
  return Object.fromEntries(pairs)
}

function failed(failure: string): ProcessOutcome {
  return { code: null, stdout: '', stderr: '', failure }
}
