// Container runtime
//
// The command line of whatever runs OCI containers on this machine: podman, nerdctl or docker, the first of them that answers.

import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { ProcessOrder } from '@tutti/core/workflow'

const run = promisify(execFile)
const answerMs = 10_000 // a cold disk
const removeMs = 30_000 // a busy machine: what is left is removed when the node begins anew
const pullMs = 240_000 // within the time of a process
const saidMax = 500

const names = ['podman', 'nerdctl', 'docker'] as const

export interface ContainerRuntime {
  readonly name: (typeof names)[number]
}

/** Null where none answers: docker's command line without its daemon is none. */
export async function containerRuntimeHere(): Promise<ContainerRuntime | null> {
  for (const name of names) {
    try {
      await run(name, ['info'], { timeout: answerMs })
      return { name }
    } catch {
      // not installed, or nothing behind it
    }
  }
  return null
}

type Wanted = NonNullable<ProcessOrder['container']>

export type ResolvedImage =
  | { readonly ok: true; readonly id: string; readonly pinned: string }
  | { readonly ok: false; readonly reason: string }

/** What an image is now, by its content: that is what runs, whatever its name is given to then. */
export async function resolveImage(
  { name }: ContainerRuntime,
  { image, pull }: Wanted,
  signal: AbortSignal,
): Promise<ResolvedImage> {
  const here = pull === 'always' ? null : await inspectImage(name, image)
  if (here !== null) return here
  if (pull === 'never') return { ok: false, reason: `the image ${image} is not on this node` }
  try {
    await run(name, ['pull', image], { timeout: pullMs, signal, maxBuffer: 2 ** 22 })
  } catch (error) {
    return { ok: false, reason: `the image ${image} was not pulled: ${said(error)}` }
  }
  const pulled = await inspectImage(name, image)
  return pulled ?? { ok: false, reason: `the image ${image} is not there after it was pulled` }
}

async function inspectImage(
  name: string,
  image: string,
): Promise<Extract<ResolvedImage, { ok: true }> | null> {
  try {
    const form = ['--format', '{{.Id}} {{json .RepoDigests}}']
    const { stdout } = await run(name, ['image', 'inspect', ...form, '--', image], {
      timeout: answerMs,
    })
    const [, id = '', list = ''] = /^(\S+) (.*)$/.exec(stdout.trim()) ?? []
    const digests: unknown = JSON.parse(list)
    const [first] = Array.isArray(digests) ? digests : []
    return { ok: true, id, pinned: typeof first === 'string' ? first : `${image}@${id}` }
  } catch {
    return null
  }
}

export interface ContainerEnd {
  /** Null: it did not begin. */
  readonly code: number | null
  readonly isOutOfMemory: boolean
}

/** How a container that is still there has ended. */
export async function inspectContainer(
  { name }: ContainerRuntime,
  container: string,
): Promise<ContainerEnd> {
  try {
    const form = '{{.State.Status}} {{.State.ExitCode}} {{.State.OOMKilled}}'
    const words = ['container', 'inspect', '--format', form, container]
    const { stdout } = await run(name, words, { timeout: answerMs })
    const [, status, code, isKilled] = /^(\S+) (-?\d+) (true|false)$/.exec(stdout.trim()) ?? []
    const hasBegun =
      status !== undefined && !['created', 'configured', 'initialized'].includes(status)
    return { code: hasBegun ? Number(code) : null, isOutOfMemory: isKilled === 'true' }
  } catch {
    return { code: null, isOutOfMemory: false }
  }
}

/** Ends a container with all that is in it; one that is not there is fine. */
export async function removeContainer(
  { name }: ContainerRuntime,
  container: string,
): Promise<void> {
  // Podman asks first, and waits for ten seconds, unless it is told not to.
  const atOnce = name === 'podman' ? ['--time', '0'] : []
  const words = ['rm', '--force', ...atOnce, container]
  await run(name, words, { timeout: removeMs }).catch(() => {})
}

/** Containers of this label that a life before has left. */
export async function leftContainers(
  { name }: ContainerRuntime,
  label: string,
): Promise<readonly string[]> {
  const words = ['ps', '--all', '--quiet', '--filter', `label=${label}`]
  const { stdout } = await run(name, words, { timeout: answerMs }).catch(() => ({ stdout: '' }))
  return stdout.split('\n').filter((id) => id !== '')
}

function said(error: unknown): string {
  const { stderr = '' } = { ...Object(error) } as { readonly stderr?: string }
  const text = String(stderr).trim()
  return (text === '' ? String(error) : text).slice(-saidMax)
}
