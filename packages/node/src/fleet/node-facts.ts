// Node facts
//
// What this machine has, measured here: it decides which variant fits and which stratum the node is of.

import { statfsSync } from 'node:fs'
import {
  arch,
  availableParallelism,
  type CpuInfo,
  cpus,
  freemem,
  platform,
  totalmem,
} from 'node:os'
import type { NodeFacts, ToControlPlane } from '@tutti/core/fleet'

export interface FactOptions {
  readonly folder: string
  readonly version: string
  readonly runtime: string
  /** Memory that models may take; all of the machine's where absent. */
  readonly memoryBytes?: number | undefined
  /** Where others dial this node; absent: nowhere. */
  readonly endpoint?: string | undefined
}

type Load = Extract<ToControlPlane, { type: 'heartbeat' }>['load']

export type LoadMeter = (inflight: number) => Load

export function measureFacts(options: FactOptions): NodeFacts {
  const { bavail, bsize } = statfsSync(options.folder)
  return {
    version: options.version,
    os: platform(),
    arch: arch(),
    cpus: availableParallelism(),
    memoryBytes: options.memoryBytes ?? totalmem(),
    diskFreeBytes: bavail * bsize,
    formats: ['onnx'],
    runtime: options.runtime,
    ...(options.endpoint === undefined ? {} : { endpoint: options.endpoint }),
  }
}

/** Tells with each call how busy the machine was since the call before. */
export function openLoadMeter(coresNow: () => readonly CpuInfo[] = cpus): LoadMeter {
  let before = coreTimes(coresNow())
  let cpu = 0
  return (inflight) => {
    const now = coreTimes(coresNow())
    const passedMs = now.busyMs + now.idleMs - before.busyMs - before.idleMs
    // What the system counts may be the same still, or go back a little: then it is as busy as it was.
    if (passedMs > 0) {
      cpu = Math.min(1, Math.max(0, (now.busyMs - before.busyMs) / passedMs))
      before = now
    }
    return { inflight, cpu, memoryUsedBytes: Math.max(0, totalmem() - freemem()) }
  }
}

function coreTimes(cores: readonly CpuInfo[]): { busyMs: number; idleMs: number } {
  let busyMs = 0
  let idleMs = 0
  for (const { times } of cores) {
    busyMs += times.user + times.nice + times.sys + times.irq
    idleMs += times.idle
  }
  return { busyMs, idleMs }
}
