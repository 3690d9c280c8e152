// Usage files
//
// Reports of usage that nobody has taken yet, one file each: what was counted while the control plane was away outlives
// the gateway, and the machine's power. A report that two processes send counts once, so none needs to know whether another still lives.

import { readdir, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type UsageReport, usageReport } from '@tutti/core/routing'
import { placeDurably, placeFolder } from '@tutti/machine'
import { messageOf } from '../failure.ts'
import type { UsageShelf } from './usage-counts.ts'

export interface UsageFilesOptions {
  readonly folder: string
  /** Of this start: its own files are no left ones. */
  readonly gateway: string
  readonly log: (event: string, fields: Readonly<Record<string, unknown>>) => void
}

const leftMax = 10_000 // of all starts before; the first of them

/** A disk that takes nothing costs what is on it, and no request. */
export function usageFiles({ folder, gateway, log }: UsageFilesOptions): UsageShelf {
  const place = placeIn(folder)
  const pathOf = (report: UsageReport) => join(place, nameOf(report))
  return {
    put: async (report) => {
      try {
        await placeDurably(pathOf(report), JSON.stringify(report))
      } catch (error) {
        log('usage is not kept on disk', { reason: messageOf(error) })
      }
    },
    drop: async (report) => {
      await rm(pathOf(report), { force: true }).catch(() => {}) // told once more: it counts once
    },
    left: async () => {
      const others = (await namesIn(place)).filter((name) => !name.startsWith(gateway))
      const left: UsageReport[] = []
      for (const name of others.sort().slice(0, leftMax)) {
        const report = await read(join(place, name))
        if (report === null) log('a report of usage on disk is spoilt', { name })
        else left.push(report)
      }
      return left
    },
  }
}

/**
 * Brings what waits in `folders` to one of them, before anybody works there: who starts with fewer
 * workers than before looks into fewer folders. Throws what the system says.
 */
export async function gatherUsage(folders: readonly string[], into: string): Promise<void> {
  const place = placeIn(into)
  for (const other of folders.map(placeIn).filter((one) => one !== place)) {
    for (const name of await namesIn(other)) {
      await placeFolder(place)
      await rename(join(other, name), join(place, name))
    }
  }
}

function placeIn(folder: string): string {
  return join(folder, 'usage')
}

async function namesIn(place: string): Promise<readonly string[]> {
  const names = await readdir(place).catch(() => [])
  return names.filter((name) => name.endsWith('.json'))
}

/** Sorted by name, the reports of one gateway stand in their order. */
function nameOf({ gateway, sequence }: UsageReport): string {
  return `${gateway}-${String(sequence).padStart(10, '0')}.json`
}

async function read(path: string): Promise<UsageReport | null> {
  try {
    return usageReport.parse(JSON.parse(await readFile(path, 'utf8')))
  } catch {
    return null
  }
}
