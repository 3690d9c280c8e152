// Node facts
//
// What this machine has, measured here: it decides which variant fits and which stratum the node is of.

import { statfsSync } from 'node:fs'
import { arch, availableParallelism, freemem, loadavg, platform, totalmem } from 'node:os'
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

/** How busy the machine is now. */
export function measureLoad(
  inflight: number,
): Extract<ToControlPlane, { type: 'heartbeat' }>['load'] {
  const cpu = Math.max(0, (loadavg()[0] ?? 0) / availableParallelism())
  return { inflight, cpu, memoryUsedBytes: Math.max(0, totalmem() - freemem()) }
}
